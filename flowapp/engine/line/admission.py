"""Runs that stand under a limit are held back when they are queued, and come in line as the limit allows.

Only here does a held run become claimable, under the lock of its limit's row. A slot is a run that is in line or
running: it is free as soon as that run waits, pauses or ends, and after a crash it goes with the run to the next
worker. So a claim knows nothing of limits, and no write of a run's owner counts anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from flowapp.engine import clock, registry, signals
from flowapp.engine.errors import UnknownWorkflow
from flowapp.engine.limits import FlowControl
from flowapp.engine.models import Run
from flowapp.engine.models.limits import Limit
from flowapp.engine.states import RunStatus

from . import claims

AT_ONCE = 500  # runs let in by one look
TAKEN = (RunStatus.QUEUED, RunStatus.RUNNING)

type Attend = Callable[[UUID], object]
others: list[Attend] = []  # threads of this process that attend to limits beside the caller


def ident(workspace_id: UUID, workflow: str, key: str) -> UUID:
    """The id of the limit of one value of a workflow's key."""
    text = "\0".join((str(workspace_id), workflow, key))
    return UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest())


def line_up(run: Run, control: FlowControl, *, event: Any, input: Any) -> None:
    """Give an unsaved run its priority and its limit."""
    run.priority = control.priority_of(event, input)
    if control.counts:
        run.limit_id = ident(run.workspace_id, run.workflow, control.key_of(event, input))
        run.held = control.holds


def enter(run: Run) -> None:
    """After a run was queued: ring for it, or have its limit looked at, once the caller's transaction has committed."""
    if run.held and run.limit_id is not None:
        soon(run.limit_id)
    else:
        signals.ring(run.queue)


def enter_all(runs: Sequence[Run]) -> None:
    """The same for several runs queued together."""
    signals.ring_for(run.queue for run in runs if not run.held)
    freed(run.limit_id for run in runs if run.held)


def holds_again(run: Run) -> bool:
    """Whether a run that is queued once more (it waited, or was paused) has to ask for a slot, or for its start."""
    if run.limit_id is None:
        return False
    try:
        control = registry.find(run.workflow).control
    except UnknownWorkflow:
        return True  # a process that knows the workflow will look
    if control is None:
        return False
    return control.concurrency is not None or (run.started_at is None and control.holds)


def soon(limit_id: UUID | None) -> None:
    """Have a limit looked at once the caller's transaction has committed; nothing where there is none."""
    if limit_id is not None:
        transaction.on_commit(partial(_hand_over, limit_id), robust=True)


def freed(limit_ids: Iterable[UUID | None]) -> None:
    """The same for the limits of several runs that waited or ended."""
    for limit_id in {id_ for id_ in limit_ids if id_ is not None}:
        soon(limit_id)


def _hand_over(limit_id: UUID) -> None:
    (others[-1] if others else attend)(limit_id)


@transaction.atomic
def attend(limit_id: UUID) -> datetime | None:
    """Let in line what the limit allows now; the moment at which time alone will let in more, if there is one."""
    first = Run.unscoped.filter(limit_id=limit_id, status=RunStatus.QUEUED, held=True).only("workspace_id", "workflow")
    if (held := first.first()) is None:
        Limit.unscoped.filter(pk=limit_id, due_at__isnull=False).update(due_at=None)
        return None
    try:
        control = registry.find(held.workflow).control or FlowControl()
    except UnknownWorkflow:
        return None  # it is for a process that knows the workflow
    limit = locked(limit_id, held.workspace_id, held.workflow)
    now = clock.now()
    if limit.pending_until is not None and limit.pending_until <= now:
        limit.pending_id = limit.pending_since = limit.pending_until = None
    room = _room(limit_id, control)
    let_in = _next(limit, control, room, now)
    _let_in(limit, let_in, now)
    if control.pause is not None and any(run.started_at is None for run in let_in):
        limit.next_at = now + timedelta(seconds=control.pause)
    if len(let_in) == AT_ONCE:
        soon(limit_id)
    limit.due_at = _due(limit, control, room - len(let_in))
    limit.used_at = now
    limit.save()
    return limit.due_at


def locked(limit_id: UUID, workspace_id: UUID, workflow: str) -> Limit:
    """The limit's row, made when there is none yet, locked until the caller's transaction ends."""
    rows = Limit.unscoped.filter(pk=limit_id).select_for_update(no_key=connection.vendor == "postgresql")
    while (limit := rows.first()) is None:
        new = Limit(id=limit_id, workspace_id=workspace_id, workflow=workflow, used_at=clock.now())
        Limit.unscoped.bulk_create([new], ignore_conflicts=True)
    return limit


def _room(limit_id: UUID, control: FlowControl) -> int:
    """How many may come in line. Nobody else lets any in while the limit is locked, so it can only grow."""
    if control.concurrency is None:
        return AT_ONCE
    taken = Run.unscoped.filter(limit_id=limit_id, held=False, status__in=TAKEN, ended_at__isnull=True)  # its index
    return min(AT_ONCE, control.concurrency - taken[: control.concurrency].count())


def _line(limit: Limit) -> QuerySet[Run]:
    line = Run.unscoped.filter(limit_id=limit.id, status=RunStatus.QUEUED, held=True).order_by("-priority", "id")
    return line if limit.pending_id is None else line.exclude(pk=limit.pending_id)


def _next(limit: Limit, control: FlowControl, room: int, now: datetime) -> list[Run]:
    """The first in line. What throttle puts off are starts: a run that began before is not put off again."""
    skip = connection.features.has_select_for_update_skip_locked
    free = _line(limit).select_for_update(skip_locked=skip, no_key=connection.vendor == "postgresql")
    rows = free.only("id", "queue", "workspace_id", "priority", "started_at")
    if room <= 0:
        return []
    if control.pause is None:
        return list(rows[:room])
    starts = 0 if limit.next_at is not None and now < limit.next_at else 1
    found = [*rows.filter(started_at__isnull=False)[:room], *rows.filter(started_at__isnull=True)[:starts]]
    return sorted(found, key=lambda run: (-run.priority, run.id))[:room]


def _let_in(limit: Limit, let_in: list[Run], now: datetime) -> None:
    place = claims.place_in_line(limit.workspace_id) if let_in else 0
    for number, run in enumerate(let_in):
        row = Run.unscoped.filter(pk=run.pk)
        row.update(held=False, rank=0, vtime=place + number, updated_at=now)
        signals.ring(run.queue)
        signals.tell(run.workspace_id, "run", str(run.id))


def _due(limit: Limit, control: FlowControl, room: int) -> datetime | None:
    moments = [limit.pending_until]
    if control.pause is not None and room > 0 and _line(limit).filter(started_at__isnull=True).exists():
        moments.append(limit.next_at)
    return min((moment for moment in moments if moment is not None), default=None)
