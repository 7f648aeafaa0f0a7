"""The outbox: messages to the world outside, written in the transaction of what they tell of, delivered after it.

    put("slack", key="prompt-1:asked", payload={…})     in an action: rolled back with it, the same key only once

    @sender("slack")
    def send(message: OutboxMessage) -> None: ...       later, in a thread of its own, in the message's workspace

A sender that returns has delivered. One that raises is called again, with the same message id, after a pause that
grows; after a day of that the message is dead, and an admin may replay it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.db import connection, transaction

from flowapp.engine import clock
from flowapp.tenancy.scope import current

from .models import OutboxMessage


class TryAgain(Exception):
    """The message could not be delivered now. `after` is how many seconds to wait, where the receiver said so."""

    def __init__(self, reason: str = "", *, after: float | None = None) -> None:
        self.after = after
        super().__init__(reason or "the receiver asked to try again later")


class GiveUp(Exception):
    """The message can never be delivered as it is; it is dead at once, and says why."""


type Sender = Callable[[OutboxMessage], None]
senders: dict[str, Sender] = {}
bell = threading.Event()  # heard by this process's deliverer, if it has one


def sender(channel: str) -> Callable[[Sender], Sender]:
    """Register what delivers a channel's messages. It may be called twice for one message: its id stays the same."""

    def decorate(function: Sender) -> Sender:
        senders[channel] = function
        return function

    return decorate


def put(channel: str, key: str, payload: dict[str, Any], due_at: datetime | None = None, *, receiver: str = "") -> UUID:
    """Queue a message of the workspace in scope in the caller's transaction; its id. Of a key only the first counts.

    `receiver`: where a channel has several, which one it goes to: they take turns.
    """
    row = message(channel, key, payload, due_at, receiver=receiver)
    put_all([row])
    return row.pk


def put_all(rows: Sequence[OutboxMessage]) -> None:
    """The same for several at once, made by `message`."""
    OutboxMessage.objects.bulk_create(rows, ignore_conflicts=True)
    kick()


def is_queued(channel: str, key: str) -> bool:
    """Whether a message of this key was put already, sent or not."""
    return OutboxMessage.objects.filter(channel=channel, key=key).exists()


def let_go() -> None:
    """Give this thread's database connection back before waiting for a receiver: there are few of them."""
    if not connection.in_atomic_block:
        connection.close()


def message(
    channel: str,
    key: str,
    payload: dict[str, Any],
    due_at: datetime | None = None,
    *,
    workspace_id: UUID | None = None,
    receiver: str = "",
) -> OutboxMessage:
    """The same, unsaved, for whoever inserts it with rows of their own; then `kick` in that transaction."""
    workspace_id, now = workspace_id or current(), clock.now()
    return OutboxMessage(
        id=uuid5(workspace_id, f"{channel}:{key}"),
        workspace_id=workspace_id,
        channel=channel,
        key=key,
        receiver=receiver,
        payload=payload,
        due_at=due_at or now,
        created_at=now,
    )


def kick() -> None:
    """Have what the caller's transaction queued delivered as soon as that has committed.

    In a process that delivers; elsewhere the next sweep finds it, a second later.
    """
    transaction.on_commit(bell.set, robust=True)
