"""/v1/outbox: the messages on their way to other services, and those that never got there."""

from datetime import datetime
from uuid import UUID

from ninja import Router

from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem, answers
from flowapp.http.requests import Request
from flowapp.integrations import undelivered
from flowapp.integrations.models import OutboxStatus
from flowapp.tenancy.models import Role

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Out

router = Router(tags=["outbox"])

answers(undelivered.MessageNotFound, lambda error: Problem("not-found", str(error)))
answers(undelivered.NotDead, lambda error: Problem("illegal-state", str(error)))


class Message(Out):
    """A message, without what it says. `due_at` is when it is tried next; `dead` ones are tried no more."""

    id: UUID
    channel: str
    key: str
    status: OutboxStatus
    attempts: int
    last_error: str
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None


class MessagePage(Page[Message]):
    """A page of messages."""


@router.get("/outbox", response=MessagePage)
@access(Role.OWNER, Role.ADMIN)
def list_outbox(
    request: Request, status: OutboxStatus | None = None, cursor: str | None = CURSOR, limit: int = LIMIT
) -> MessagePage:
    """The workspace's outgoing messages, newest first; those delivered are kept for a week."""
    with reading(cursor):
        page = undelivered.page(status=status, cursor=cursor, limit=limit)
    return MessagePage(items=[Message.model_validate(one) for one in page.items], next=page.next)


@router.post("/outbox/{message_id}/replay", response=Message)
@access(Role.OWNER, Role.ADMIN)
def replay_message(request: Request, message_id: UUID) -> Message:
    """Try a dead message again, with the same id, for another day."""
    return Message.model_validate(undelivered.replay(message_id, by=actor_of(request)))
