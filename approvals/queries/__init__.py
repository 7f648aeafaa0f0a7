"""What others may ask about prompts: inboxes, pages, one in full, what a run waits on."""

from approvals.queries.changes import changed_since
from approvals.queries.detail import PromptView, asked_of_run, prompt_detail, prompt_page, similar
from approvals.queries.inboxes import COUNT_UP_TO, SCOPES, InboxRow, counts, inbox, targets_of, waiting_for

__all__ = [
    "COUNT_UP_TO",
    "SCOPES",
    "InboxRow",
    "PromptView",
    "asked_of_run",
    "changed_since",
    "counts",
    "inbox",
    "prompt_detail",
    "prompt_page",
    "similar",
    "targets_of",
    "waiting_for",
]
