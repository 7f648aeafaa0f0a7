"""What others may ask about prompts: inboxes, pages, one in full, what a run waits on."""

from approvals.queries.changes import changed_since
from approvals.queries.detail import (
    PromptView,
    asked_of_run,
    attachment,
    prompt_detail,
    prompt_page,
    prompts_of,
    similar,
)
from approvals.queries.inboxes import (
    COUNT_UP_TO,
    InboxRow,
    counts,
    inbox,
    inbox_in_full,
    rows_of,
    saved_filters,
    targets_of,
    waiting_for,
)
from approvals.queries.places import SCOPES, SORTS
from approvals.queries.reports import PERIODS, Line, Report, report

__all__ = [
    "COUNT_UP_TO",
    "PERIODS",
    "SCOPES",
    "SORTS",
    "InboxRow",
    "Line",
    "PromptView",
    "Report",
    "asked_of_run",
    "attachment",
    "changed_since",
    "counts",
    "inbox",
    "inbox_in_full",
    "prompt_detail",
    "prompt_page",
    "prompts_of",
    "report",
    "rows_of",
    "saved_filters",
    "similar",
    "targets_of",
    "waiting_for",
]
