"""What is in the outbox, for those who look after it: a page of messages, and sending dead ones again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from flowapp import audit
from flowapp.engine import clock
from flowapp.tenancy.actors import Actor

from . import outbox
from .models import OutboxMessage, OutboxStatus


class MessageNotFound(Exception):
    """There is no such message in this workspace."""

    def __str__(self) -> str:
        return str(self.__doc__)


class NotDead(Exception):
    """Only a dead message can be sent again; this one was delivered, or is still being tried."""

    def __str__(self) -> str:
        return str(self.__doc__)


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """Messages, newest first, and the cursor of the next page."""

    items: list[OutboxMessage]
    next: str | None


SHOWN: Final = 50


def page(*, status: str | None = None, cursor: str | None = None, limit: int = SHOWN) -> OutboxPage:
    """A page of the workspace's messages, without what they say. Raises ValueError for a status or cursor not ours."""
    rows = OutboxMessage.objects.defer("payload").order_by("-created_at", "-id")
    if status:
        rows = rows.filter(status=OutboxStatus(status))
    if cursor:
        at, _, last = cursor.partition("~")
        moment = datetime.fromisoformat(at)
        rows = rows.filter(created_at__lte=moment).filter(Q(created_at__lt=moment) | Q(id__lt=UUID(last)))
    found = list(rows[: limit + 1])
    end = found[limit - 1] if len(found) > limit else None
    return OutboxPage(found[:limit], f"{end.created_at.isoformat()}~{end.pk}" if end else None)


@transaction.atomic
def replay(message_id: UUID, *, by: Actor) -> OutboxMessage:
    """Try a dead message again, with the same id, for another day. Raises MessageNotFound, NotDead."""
    found = OutboxMessage.objects.select_for_update().filter(pk=message_id).first()
    if found is None:
        raise MessageNotFound
    if found.status != OutboxStatus.DEAD:
        raise NotDead
    before = {"attempts": found.attempts, "error": found.last_error}
    found.status, found.due_at, found.first_tried_at = OutboxStatus.PENDING, clock.now(), None
    found.save(update_fields=["status", "due_at", "first_tried_at"])
    audit.record(by=by, verb="outbox.replayed", target=f"outbox:{found.pk}", before=before)
    outbox.kick()
    return found
