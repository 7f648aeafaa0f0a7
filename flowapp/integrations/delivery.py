"""Delivering what is in the outbox: claim with a lease, send, note how it went. Any number of processes may do so."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from flowapp.engine import clock
from flowapp.tenancy.scope import scoped

from . import lines
from .lines import Line
from .models import OutboxMessage, OutboxStatus
from .outbox import GiveUp, TryAgain, senders

logger = logging.getLogger("flowapp.integrations")
LEASE = timedelta(minutes=2)  # longer than any sender's own timeouts
FIRST_PAUSE = 5.0  # seconds
LONGEST_PAUSE = 3600.0
DEAD_AFTER = timedelta(days=1)
MOST_EACH = 6  # messages of a channel that a process sends at once for one workspace
MOST_FOR_ONE = 2  # and of these to one receiver, where the channel names its receivers
KEEP_SENT = timedelta(days=7)
LONGEST_ERROR = 2000  # characters
PRUNE_AT_ONCE = 1000


def deliver(*channels: str) -> int:
    """Send, in this thread, all that is due now, of these channels or all; how many attempts that took. For tests."""
    tried = 0
    while claimed := [one for channel in channels or tuple(senders) for one in claim(channel, 50)]:
        for one in claimed:
            send(one)
        tried += len(claimed)
    return tried


def claim(channel: str, limit: int, under_way: Mapping[Line, int] | None = None) -> list[OutboxMessage]:
    """Take up to `limit` due messages of a channel, the longest waiting first; nobody else sends them for now.

    With `under_way`, how many messages of each line this process is sending, the lines take turns (`turns`).
    """
    now = clock.now()
    due = OutboxMessage.unscoped.filter(channel=channel, status=OutboxStatus.PENDING, due_at__lte=now)
    # What there is to do is read without a lock, which on SQLite would be everybody's.
    share = None if under_way is None else turns(lines.waiting(channel, now, MOST_EACH), under_way, limit)
    if not (due.exists() if share is None else share):
        return []
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        found = due.order_by("due_at").select_for_update(skip_locked=skip)
        rows = list(found[:limit]) if share is None else _in_turn(found, share)
        first = Coalesce("first_tried_at", Value(now, models.DateTimeField()))
        taken = OutboxMessage.unscoped.filter(pk__in=[row.pk for row in rows])
        taken.update(attempts=F("attempts") + 1, due_at=now + LEASE, first_tried_at=first)
    for row in rows:
        row.attempts, row.due_at = row.attempts + 1, now + LEASE
        row.first_tried_at = row.first_tried_at or now
    return rows


def due_channels() -> list[str]:
    """The channels that have something to send now."""
    return lines.due(channels(), clock.now())


def _in_turn(found: QuerySet[OutboxMessage], share: Mapping[Line, int]) -> list[OutboxMessage]:
    """The messages whose turn it is. Of a line that another process is at, what that one left."""
    taken: list[OutboxMessage] = []
    for (workspace_id, receiver), many in share.items():
        taken += found.filter(workspace_id=workspace_id, receiver=receiver)[:many]
    return taken


def turns(waiting: Mapping[Line, int], under_way: Mapping[Line, int], limit: int) -> Counter[Line]:
    """How many messages of each line to send now; `waiting` says how many there are, the longest waiting line first.

    Next is always the workspace with least under way, and of it the receiver with least; none gets more than its share.
    A line without a receiver goes to everybody, as mail does, so only its workspace's share limits it.
    """
    of_line, of_workspace = Counter(under_way), Counter[UUID]()
    for (workspace_id, _), count in under_way.items():
        of_workspace[workspace_id] += count
    chosen: Counter[Line] = Counter()
    while chosen.total() < limit:
        open_ = [
            line
            for line, count in waiting.items()
            if chosen[line] < count
            and of_workspace[line[0]] < MOST_EACH
            and (not line[1] or of_line[line] < MOST_FOR_ONE)
        ]
        if not open_:
            break
        line = min(open_, key=lambda line: (of_workspace[line[0]], of_line[line]))
        chosen[line] += 1
        of_line[line] += 1
        of_workspace[line[0]] += 1
    return chosen


def send(message: OutboxMessage) -> None:
    """Make one attempt at a claimed message."""
    try:
        with scoped(message.workspace_id):
            senders[message.channel](message)
    except GiveUp as reason:
        _note(message, status=OutboxStatus.DEAD, last_error=str(reason))
        logger.warning("the %s message %s is dead: %s", message.channel, message.pk, reason)
    except TryAgain as reason:
        _later(message, str(reason), reason.after)
    except Exception as error:  # whatever a sender runs into must not stop the others
        logger.warning("the %s message %s was not delivered", message.channel, message.pk, exc_info=True)
        _later(message, f"{type(error).__name__}: {error}", None)
    else:
        _note(message, status=OutboxStatus.SENT, sent_at=clock.now(), last_error="")


def prune() -> int:
    """Forget messages that were delivered a while ago, a batch at a time; how many."""
    old = OutboxMessage.unscoped.filter(status=OutboxStatus.SENT, sent_at__lt=clock.now() - KEEP_SENT)
    ids = list(old.order_by("sent_at").values_list("pk", flat=True)[:PRUNE_AT_ONCE])
    if ids:
        OutboxMessage.unscoped.filter(pk__in=ids).delete()
    return len(ids)


def _later(message: OutboxMessage, reason: str, after: float | None) -> None:
    now = clock.now()
    if now - (message.first_tried_at or now) >= DEAD_AFTER:
        _note(message, status=OutboxStatus.DEAD, last_error=reason)
        logger.error("the %s message %s is dead after a day of trying: %s", message.channel, message.pk, reason)
        return
    _note(message, due_at=now + timedelta(seconds=_pause(message.attempts, after)), last_error=reason)


def _pause(attempts: int, after: float | None) -> float:
    """Seconds until the next attempt: as the receiver asked, else growing, with jitter so that crowds disperse."""
    if after is not None:
        return min(max(after, 0.0), DEAD_AFTER.total_seconds()) + random.uniform(0, 1)  # noqa: S311 - jitter
    longest = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, no secret


def _note(message: OutboxMessage, **fields: datetime | str | None) -> None:
    """Say how the attempt went, unless it took so long that another was made."""
    if error := fields.get("last_error"):  # a receiver's words: as long as it likes, and with null characters
        fields["last_error"] = str(error).replace("\0", "")[:LONGEST_ERROR]
    mine = OutboxMessage.unscoped.filter(pk=message.pk, attempts=message.attempts, status=OutboxStatus.PENDING)
    mine.update(**fields)


def channels() -> Sequence[str]:
    """The channels that have a sender here."""
    return tuple(senders)
