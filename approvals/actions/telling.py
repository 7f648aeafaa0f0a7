"""Saying, in the transaction of a change, that people are to be told. Who, where and when is found out after it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from approvals.models import Prompt
from flowapp.integrations import email, outbox, slack
from flowapp.integrations.models import OutboxMessage
from flowapp.tenancy.ids import uuid7

CHANNEL: Final = "prompts"


class News(StrEnum):
    """What happened to a prompt."""

    ASKED = "asked"  # opened, at its next stage, or put to others
    REMINDED = "reminded"
    ESCALATED = "escalated"
    VOTED = "voted"
    ENDED = "ended"
    STUCK = "stuck"  # nobody who is asked can settle it
    EASED = "eased"  # what kept it from being settled is over, or another


def tell(prompt: Prompt, news: News, *, only: Sequence[str] = ()) -> None:
    """Queue the news of a prompt, unless this workspace tells nobody anything outside the browser.

    `only`: the ids of the members for whom it is news; without any it is for all whom the prompt is put to.
    """
    if _somebody_listens():
        more = {"only": list(only)} if only else {}
        outbox.put(CHANNEL, f"{prompt.pk}:{news}:{uuid7().hex}", {**_payload(prompt, news), **more})


def opened(prompt: Prompt) -> list[OutboxMessage]:
    """The news of a prompt that is about to be inserted, unsaved; `outbox.kick` belongs into that transaction."""
    if not _somebody_listens():
        return []
    # The keys are the same when opening is repeated.
    return [
        outbox.message(CHANNEL, f"{prompt.pk}:{news}", _payload(prompt, news), workspace_id=prompt.workspace_id)
        for news in (News.ASKED, *([News.STUCK] if prompt.options.get("warnings") else []))
    ]


def _payload(prompt: Prompt, news: News) -> dict[str, str]:
    return {"prompt": str(prompt.pk), "news": news}


def _somebody_listens() -> bool:
    return email.in_use() or slack.is_connected()
