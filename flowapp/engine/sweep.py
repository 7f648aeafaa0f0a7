"""What time makes due: leases that ran out, waits and timers whose moment came. Runs inside every worker.

The sweeper is the safety net under every doorbell: a lost message costs at most one sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Greatest

from flowapp.tenancy.scope import scoped

from . import arrivals, clock, facts, parents, sessions, signals, telemetry, timers
from .line import claims, knowledge
from .models import Checkpoint, Run, Timer, Wait, Worker
from .states import RunStatus

logger = logging.getLogger("flowapp.engine")
INTERVAL = 1.0  # seconds
BATCH = 500
POISON_CLAIMS = 3  # unclean ends in a row, without progress, after which a person must look
GRACE = timedelta(seconds=2)  # what is younger is being looked at by who wrote it
FORGET_WORKERS_AFTER = timedelta(hours=1)
FROZEN_AT_MOST = timedelta(minutes=1)  # in a transaction; then PostgreSQL ends it by itself (flowapp/settings.py)

_chores: list[Callable[[], object]] = []
companions: list[Callable[[], AbstractContextManager[object]]] = []


def chore(function: Callable[[], object]) -> Callable[[], object]:
    """Register what a room has to do in every sweep; it must be cheap when there is nothing to do."""
    _chores.append(function)
    return function


chore(knowledge.look_again)
chore(claims.mend_ranks)


def companion[C: Callable[[], AbstractContextManager[object]]](factory: C) -> C:
    """Register what a room runs beside the sweeper of each worker process: entered before its first round, left at its
    end. For what takes longer than a chore may."""
    companions.append(factory)
    return factory


@contextmanager
def impatient() -> Iterator[None]:
    """Within it nothing waits for a lock longer than until the next sweep: a frozen process may hold it, and its lease
    is noticed here."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{INTERVAL:g}s"])
        try:
            yield
        finally:
            cursor.execute("RESET lock_timeout")


def sweep() -> None:
    """One round of everything that is due."""
    recover_expired_runs()
    fire_due_waits()
    fire_due_timers()
    for function in _chores:
        try:
            function()
        except Exception:
            logger.exception("a chore of the sweep failed; it is tried again in the next one")


def recover_expired_runs() -> int:
    """Take the runs of lost workers away from them, so that others may claim them; returns how many."""
    now = clock.now()
    lost = list(Worker.objects.filter(lease_until__lte=now).only("id", "host", "pid", "token", "lease_until"))
    if not lost:
        return 0
    sessions.end_those_of(worker for worker in lost if worker.lease_until > now - FROZEN_AT_MOST)
    recovered = recover_runs_of([worker.id for worker in lost])
    # Not one that still holds runs, beyond this batch: they would be nobody's for ever.
    holding = Run.unscoped.filter(status=RunStatus.RUNNING, worker_id=OuterRef("id"))
    Worker.objects.filter(~Exists(holding), lease_until__lte=now - FORGET_WORKERS_AFTER).delete()
    return recovered


@transaction.atomic
def recover_runs_of(worker_ids: Sequence[UUID]) -> int:
    """Take the runs of these workers away from them; returns how many."""
    held = Run.unscoped.filter(status=RunStatus.RUNNING, worker_id__in=worker_ids).order_by("id")
    runs = list(_lock(held)[:BATCH])
    for run in runs:
        _recover(run)
    return len(runs)


def _recover(run: Run) -> None:
    progressed = Checkpoint.unscoped.filter(run_id=run.id, fence=run.fence).exists()
    unclean = 1 if progressed else run.claims
    row = Run.unscoped.filter(pk=run.pk)
    if unclean >= POISON_CLAIMS:
        message = f"the run took its worker down {unclean} times in a row without progress; look at its last step"
        run.status, run.error = RunStatus.NEEDS_ATTENTION, {"type": "PoisonRun", "message": message, "step": None}
        row.update(
            status=run.status,
            fence=F("fence") + 1,
            worker_id=None,
            updated_at=clock.now(),
            error=run.error,
        )
        facts.run_ended(run)
        transaction.on_commit(partial(telemetry.ended, run, run.status, run.error), robust=True)
        parents.ask_soon(run)
    else:
        row.update(
            status=RunStatus.QUEUED,
            fence=F("fence") + 1,
            worker_id=None,
            claims=unclean,
            rank=claims.EXPIRED_RANK,
            updated_at=clock.now(),
        )
        signals.ring(run.queue)
    signals.tell(run.workspace_id, "run", str(run.id))


def fire_due_waits() -> int:
    """Let waits whose deadline passed run out, and wake their runs; returns how many runs."""
    due = Wait.unscoped.filter(arrival__isnull=True, due_at__lte=clock.now()).order_by("due_at")
    ids = sorted(set(due.values_list("run_id", flat=True)[:BATCH]))
    if not ids:
        return 0
    with transaction.atomic():
        for run in _lock(Run.unscoped.filter(id__in=ids).order_by("id")):
            if arrivals.expire_due_waits(run.id):
                arrivals.wake(run)
    return len(ids)


def fire_due_timers() -> int:
    """Call the handlers of due timers, each in a transaction of its own; returns how many were due."""
    due = list(Timer.unscoped.filter(due_at__lte=clock.now()).order_by("due_at")[:BATCH])
    for timer in due:
        handler = timers.handlers.get(timer.kind)
        if handler is None:
            continue
        try:
            with scoped(timer.workspace_id), transaction.atomic():
                taken, _ = Timer.objects.filter(id=timer.id, due_at=timer.due_at).delete()
                if taken:
                    handler(timers.DueTimer(timer.key, timer.due_at, timer.data))
        except Exception:
            logger.exception("the timer %s of kind %r failed; it is tried again", timer.id, timer.kind)
    return len(due)


def nudged_runs(worker_id: UUID) -> list[UUID]:
    """The runs of this worker for which something arrived or a pause was asked, in case the nudge was lost."""
    held = Run.unscoped.filter(status=RunStatus.RUNNING, worker_id=worker_id)
    return list(held.filter(wake=True).values_list("id", flat=True)) + list(
        held.filter(pausing=True, wake=False).values_list("id", flat=True)
    )


def lost_runs(worker_id: UUID, held: set[UUID]) -> set[UUID]:
    """Which of the runs this process drives are no longer its own (cancelled, or taken over)."""
    mine = Run.unscoped.filter(id__in=held, status=RunStatus.RUNNING, worker_id=worker_id)
    return held - set(mine.values_list("id", flat=True))


def release_unheld_runs(worker_id: UUID, held: set[UUID]) -> None:
    """Make the runs claimable again that this worker owns but does not drive: the answer to its claim was lost."""
    now = clock.now()
    mine = Run.unscoped.filter(status=RunStatus.RUNNING, worker_id=worker_id, updated_at__lt=now - GRACE)
    for run in mine.exclude(id__in=held).only("id", "queue", "workspace_id"):
        # Only as it was found: a run that this worker ends or suspends at this very moment is left alone.
        same = mine.filter(id=run.id)
        if same.update(
            status=RunStatus.QUEUED,
            worker_id=None,
            fence=F("fence") + 1,
            claims=Greatest(F("claims") - 1, Value(0)),  # nobody executed it: that is no unclean end
            rank=claims.EXPIRED_RANK,
        ):
            signals.ring(run.queue)
            signals.tell(run.workspace_id, "run", str(run.id))


def _lock(runs: QuerySet[Run]) -> QuerySet[Run]:
    skip = connection.features.has_select_for_update_skip_locked
    return runs.select_for_update(skip_locked=skip, no_key=connection.vendor == "postgresql").defer("input", "output")
