"""The line of ready runs: entering it at a fair place, being claimed from it with a history, going back into it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Length

from flowapp.engine import clock, postgresql, signals
from flowapp.engine.models import READY, Attempt, Checkpoint, Run, Wait, Worker
from flowapp.engine.records import Claimed, History, Key, Recorded
from flowapp.engine.states import RunStatus
from flowapp.tenancy.models import Workspace

from . import caps, knowledge, turns

EXPIRED_RANK = -1_000_000  # runs of a lost worker are claimed before all others
MENDED_AT_ONCE = 1000
PRELOAD_BYTES = 64 * 1024  # larger outputs are read when the workflow reaches them
TRIES, TRY_AGAIN = 3, 0.005  # seconds between; while another claim holds all that is in line
SUSPECT_CLAIMS = 2  # after so many unclean ends in a row a run may be what takes its workers down


def claim(
    worker_id: UUID, queues: Sequence[str], limit: int, *, suspects: bool = True, leased: bool = True
) -> list[Claimed]:
    """Take up to `limit` ready runs of these queues (none named: of all), in fair order, each with its history.

    Nothing once the worker's lease has run out; `leased=False` is for who executes in its own thread, without a lease.
    A worker holds at most one suspect at a time, so that of those who die with it only the guilty one is blamed again.
    """
    ids = _take(worker_id, queues, limit, (0, SUSPECT_CLAIMS - 1), leased)
    if suspects and len(ids) < limit and not _holds_suspect(worker_id):
        ids += _take(worker_id, queues, 1, (SUSPECT_CLAIMS, 2**31 - 1), leased)
    # Of this worker still: one that slept between taking and reading would read the fence of whoever took over.
    mine = Run.unscoped.filter(id__in=ids, worker_id=worker_id).defer("output", "search")
    runs = {run.id: run for run in mine} if ids else {}
    histories = load_histories([run.id for run in runs.values() if run.fence > 1])
    return [Claimed(runs[id_], histories.get(id_, History())) for id_ in ids if id_ in runs]


def suspects_ready(queues: Sequence[str]) -> bool:
    """Whether a run waits that only a worker without another suspect may claim."""
    return _ready(queues).filter(claims__gte=SUSPECT_CLAIMS).exists()


def _ready(queues: Sequence[str]) -> models.QuerySet[Run]:
    ready = Run.unscoped.filter(READY)
    return ready.filter(queue__in=queues) if queues else ready


def _holds_suspect(worker_id: UUID) -> bool:
    held = Run.unscoped.filter(status=RunStatus.RUNNING, worker_id=worker_id)
    return held.filter(claims__gt=SUSPECT_CLAIMS).exists()


def _take(worker_id: UUID, queues: Sequence[str], limit: int, claims: tuple[int, int], leased: bool) -> list[UUID]:
    cap, some_left = caps.binding(), knowledge.anything_left()
    if cap is None and not some_left and connection.vendor == "postgresql":
        taken = postgresql.claim(worker_id, queues, limit, claims, leased=leased)
        if taken is not None:
            return taken
    ready = _ready(queues).filter(claims__range=claims)
    if some_left:
        ready = knowledge.without(ready)
    for _ in range(TRIES):
        ids = _choose_and_take(worker_id, ready, queues, limit, cap, leased)
        if ids or cap is not None or connection.vendor != "postgresql" or not turns.matter(ready, queues):
            break
        time.sleep(TRY_AGAIN)
    return ids


@transaction.atomic
def _choose_and_take(
    worker_id: UUID, ready: models.QuerySet[Run], queues: Sequence[str], limit: int, cap: int | None, leased: bool
) -> list[UUID]:
    # SQLite has one writer at a time, so choosing and taking in one transaction is enough; elsewhere a lock is taken.
    line = ready.order_by("rank", "vtime", "id")
    if cap is not None:
        ids = caps.first_within(cap, line, limit)
    else:
        ids = list(turns.locked(line).values_list("id", flat=True)[:limit])
    if ids:
        ids = turns.given(ids, ready, queues) if turns.matter(ready, queues) else ids
        now = clock.now()
        chosen = Run.unscoped.filter(id__in=ids)
        if leased:
            chosen = chosen.filter(models.Exists(_leased(worker_id, now)))
        taken = chosen.update(
            status=RunStatus.RUNNING,
            worker_id=worker_id,
            fence=F("fence") + 1,
            claims=F("claims") + 1,
            wake=False,
            overtaken=False,
            started_at=Coalesce("started_at", Value(now, output_field=models.DateTimeField())),
            updated_at=now,
        )
        return ids if taken else []
    return ids


def _leased(worker_id: UUID, now: datetime) -> models.QuerySet[Worker]:
    """The worker, if it has its lease; by the server's clock too, as in PostgreSQL's own statement (postgresql.py)."""
    told: Any = Value(now, output_field=models.DateTimeField())
    if connection.vendor == "postgresql":
        told = Greatest(told, models.Func(function="clock_timestamp", output_field=models.DateTimeField()))
    return Worker.objects.filter(id=worker_id, lease_until__gt=told)


@transaction.atomic
def mend_ranks() -> None:
    """While a deploy rolls, processes from before the turns write priorities into ranks: these get the usual one."""
    for odd in (models.Q(rank__gt=EXPIRED_RANK, rank__lt=0), models.Q(rank__gt=0)):  # each a stretch of an index
        ids = turns.locked(Run.unscoped.filter(READY, odd)).values_list("id", flat=True)[:MENDED_AT_ONCE]
        if found := list(ids):
            Run.unscoped.filter(id__in=found).update(rank=0)


@transaction.atomic
def give_back(worker_id: UUID) -> None:
    """Let go of what a worker that stops in order still holds: no unclean end, and others go on at once."""
    held = Run.unscoped.filter(status=RunStatus.RUNNING, worker_id=worker_id)
    queues = set(held.values_list("queue", flat=True))
    held.update(
        status=RunStatus.QUEUED,
        worker_id=None,
        fence=F("fence") + 1,
        claims=Greatest(F("claims") - 1, Value(0)),
        rank=EXPIRED_RANK,
        updated_at=clock.now(),
    )
    for queue in queues:
        signals.ring(queue)


def virtual_time(workspace_id: UUID) -> Any:
    """The place in line for a run queued now: one behind its workspace's last, never ahead of the line itself."""
    queued = Run.unscoped.filter(READY)
    last = queued.filter(workspace_id=workspace_id).order_by("-vtime").values("vtime")[:1]
    first = queued.order_by("vtime").values("vtime")[:1]
    return Greatest(Coalesce(Subquery(last), Value(0)), Coalesce(Subquery(first), Value(0))) + 1


def place_in_line(workspace_id: UUID) -> int:
    """That place, as a number."""
    here = Workspace.objects.filter(pk=workspace_id).annotate(at=virtual_time(workspace_id))
    return int(here.values_list("at", flat=True).get())


def place_all(runs: Sequence[Run]) -> None:
    """Put unsaved runs of one workspace in line, one behind the other."""
    first = place_in_line(runs[0].workspace_id)
    for place, run in enumerate(runs, start=first):
        run.vtime = place


def insert_run(run: Run, entry: models.Model) -> bool:
    """Insert a new run at its place in line, and the log entry of its start with it.

    False when a run with its idempotency key exists; then nothing was inserted.
    """
    if connection.vendor == "postgresql":
        return postgresql.start_run(run, entry)
    try:
        with transaction.atomic():
            run.vtime = place_in_line(run.workspace_id)
            run.save(force_insert=True)
            entry.save(force_insert=True)
    except IntegrityError:
        if run.idempotency_key is None:
            raise
        return False
    return True


def load_histories(run_ids: Sequence[UUID]) -> dict[UUID, History]:
    """What these runs did before: three queries, whatever their number; large outputs stay behind."""
    if not run_ids:
        return {}
    found: dict[UUID, tuple[list[Recorded], list[Wait], list[Attempt]]] = {id_: ([], [], []) for id_ in run_ids}
    for run_id, record in _recorded(run_ids):
        found[run_id][0].append(record)
    for wait in Wait.unscoped.filter(run_id__in=run_ids).order_by("arrival", "name", "occurrence"):
        found[wait.run_id][1].append(wait)
    for attempt in unfinished_attempts(run_ids).order_by("name", "occurrence", "number"):
        found[attempt.run_id][2].append(attempt)
    return {id_: History(tuple(rows[0]), tuple(rows[1]), tuple(rows[2])) for id_, rows in found.items()}


def unfinished_attempts(run_ids: Sequence[UUID]) -> models.QuerySet[Attempt]:
    """The attempts of steps that have no outcome yet."""
    done = Checkpoint.unscoped.filter(
        run_id=OuterRef("run_id"), name=OuterRef("name"), occurrence=OuterRef("occurrence")
    )
    return Attempt.unscoped.filter(~models.Exists(done), run_id__in=run_ids)


def _recorded(run_ids: Sequence[UUID]) -> Iterable[tuple[UUID, Recorded]]:
    small = models.Case(
        models.When(size__lte=PRELOAD_BYTES, then=F("output")), default=None, output_field=models.BinaryField()
    )
    rows = (
        Checkpoint.unscoped.filter(run_id__in=run_ids)
        .annotate(size=Length("output"))
        .order_by("run_id", "seq")
        .values_list(
            "run_id", "name", "occurrence", "seq", "kind", "status", "args_hash", small, "error", "ended_at", "size",
            "early",
        )
    )  # fmt: skip
    for run_id, name, occurrence, seq, kind, status, args_hash, output, error, ended_at, length, early in rows:
        stored, size = None if output is None else bytes(output), length or 0
        large, known, unproven = size > PRELOAD_BYTES, bytes(args_hash), early is not False
        yield (
            run_id,
            Recorded(name, occurrence, seq, kind, status, known, stored, error, ended_at, size, large, unproven),
        )


def read_output(run_id: UUID, key: Key) -> bytes:
    """A large output that was not preloaded."""
    row = Checkpoint.unscoped.only("output").get(run_id=run_id, name=key[0], occurrence=key[1])
    assert row.output is not None
    return bytes(row.output)
