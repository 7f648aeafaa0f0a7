"""The only writer of a run's state: claim, checkpoint, suspend, wake, end. Every write of an owner compares its fence.

A `Write` is what one run wants committed; `apply` commits many of them in one transaction (group_commit.py feeds it).
A write whose commit had an unknown outcome is applied again: its rows then exist already under the same fence, which
is recognised and counts as success.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, models, transaction
from django.db.models import Max, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Length

from flowapp.tenancy.models import Workspace

from . import clock, postgresql, signals, waits
from .errors import Fenced
from .models import Attempt, Checkpoint, Run, Signal, Wait
from .states import RunStatus

EXPIRED_RANK = -1_000_000  # runs of a lost worker are claimed before all others
RAN_OUT = b""  # the outcome of a wait whose deadline passed
PRELOAD_BYTES = 64 * 1024  # larger outputs are read when the workflow reaches them

type Key = tuple[str, int]  # step name, occurrence


@dataclass(slots=True, frozen=True)
class CheckpointRow:
    """The outcome of a step or wait, ready to be stored."""

    name: str
    occurrence: int
    seq: int
    kind: str
    status: str
    args_hash: bytes
    input: bytes | None
    output: bytes | None
    error: dict[str, Any] | None
    attempts: int
    started_at: datetime
    ended_at: datetime


@dataclass(slots=True, frozen=True)
class AttemptRow:
    """An attempt that failed (`ended_at` set) or that runs long enough to be shown."""

    name: str
    occurrence: int
    number: int
    args_hash: bytes
    started_at: datetime
    ended_at: datetime | None = None
    retry_at: datetime | None = None
    error: dict[str, Any] | None = None


@dataclass(slots=True, frozen=True)
class OpenWait:
    """A wait to register, with the rows of other rooms that belong to it."""

    name: str
    occurrence: int
    kind: str
    args_hash: bytes
    since: datetime
    due_at: datetime | None = None
    subject: str = ""
    match: bytes = b""
    detail: dict[str, Any] = field(default_factory=dict)
    also: Sequence[models.Model] = ()


@dataclass(slots=True, frozen=True)
class End:
    """How a run ends, or stops for a person (`needs_attention`)."""

    status: RunStatus
    output: bytes | None = None
    error: dict[str, Any] | None = None
    new_input: bytes | None = None


@dataclass(slots=True, eq=False)
class Write:
    """Everything one run wants committed at once."""

    run_id: UUID
    workspace_id: UUID
    fence: int
    parent_id: UUID | None = None
    checkpoints: Sequence[CheckpointRow] = ()
    attempts: Sequence[AttemptRow] = ()
    drop: Sequence[Key] = ()
    open: Sequence[OpenWait] = ()
    collect: bool = False
    suspend: bool = False
    requeue: bool = False
    end: End | None = None

    @property
    def simple(self) -> bool:
        """Whether it is checkpoints alone, which PostgreSQL takes in one statement."""
        return not (self.attempts or self.drop or self.open or self.collect or self.suspend or self.requeue or self.end)


@dataclass(slots=True, frozen=True)
class Arrival:
    """What arrived for an open wait."""

    name: str
    occurrence: int
    outcome: bytes
    arrived_at: datetime
    since: datetime


@dataclass(slots=True, frozen=True)
class Written:
    """What a committed write found."""

    suspended: bool = False
    pausing: bool = False
    arrivals: tuple[Arrival, ...] = ()


type Outcome = Written | Exception
DONE = Written()


@dataclass(slots=True, frozen=True)
class Recorded:
    """A stored checkpoint as replay needs it; a large output is read later."""

    name: str
    occurrence: int
    seq: int
    kind: str
    status: str
    args_hash: bytes
    output: bytes | None
    error: dict[str, Any] | None
    ended_at: datetime
    large: bool = False


@dataclass(slots=True, frozen=True)
class History:
    """What a claimed run did before."""

    checkpoints: tuple[Recorded, ...] = ()
    waits: tuple[Wait, ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(slots=True, frozen=True)
class Claimed:
    """A run this worker now owns."""

    run: Run
    history: History


# -- writing ---------------------------------------------------------------------------------------------------------


def apply(batch: Sequence[Write]) -> list[Outcome]:
    """Commit the writes together; one that cannot be stored does not fail its neighbours (the batch is halved)."""
    try:
        if connection.vendor == "postgresql" and all(write.simple for write in batch):
            owned = postgresql.insert_checkpoints_if_owned(batch)
            for run_id, workspace_id in {write.run_id: write.workspace_id for write in batch}.items():
                signals.announce(workspace_id, "run", str(run_id))
            return [DONE if write.run_id in owned else Fenced() for write in batch]
        with transaction.atomic():
            return _apply(batch)
    except (IntegrityError, ValueError, TypeError) as error:
        if len(batch) > 1:
            middle = len(batch) // 2
            return apply(batch[:middle]) + apply(batch[middle:])
        return [DONE if _applied_before(batch[0]) else error]


def _apply(batch: Sequence[Write]) -> list[Outcome]:
    """Commit a mixed batch: bare checkpoints by the one statement that suffices for them, the rest under its locks."""
    outcomes: dict[int, Outcome] = {}
    simple = [write for write in batch if write.simple] if connection.vendor == "postgresql" else []
    if simple:
        owned = postgresql.insert_checkpoints_if_owned(simple)
        outcomes = {id(write): DONE if write.run_id in owned else Fenced() for write in simple}
    rest = [write for write in batch if id(write) not in outcomes]
    runs = lock(_ids(rest))
    mine = [write for write in rest if write.run_id in runs and runs[write.run_id].fence == write.fence]
    _insert_checkpoints(mine)
    for write in mine:
        _record_attempts(write)
        _drop_waits(write)
        _open_waits(write, runs[write.run_id])
    outcomes |= {id(write): _finish(write, runs[write.run_id]) for write in mine if write.end is None}
    outcomes |= _end_all([write for write in mine if write.end is not None], runs)
    for run_id, workspace_id in {write.run_id: write.workspace_id for write in batch}.items():
        signals.tell(workspace_id, "run", str(run_id))
    return [outcomes.get(id(write)) or Fenced() for write in batch]


def _ids(batch: Sequence[Write]) -> set[UUID]:
    """The runs to lock, parents of ending runs included, so that all locks are taken at once in one order."""
    ids = {write.run_id for write in batch}
    return ids | {write.parent_id for write in batch if write.end is not None and write.parent_id is not None}


def lock(ids: Iterable[UUID]) -> dict[UUID, Run]:
    """Lock runs in the order of their ids (parents are older than their children) within the caller's transaction."""
    query = Run.unscoped.filter(id__in=list(ids)).order_by("id").select_for_update(no_key=True)
    deferred = query.defer("input", "output", "search", "request_hash")
    return {run.id: run for run in deferred}


def _insert_checkpoints(batch: Sequence[Write]) -> None:
    if connection.vendor == "postgresql":
        postgresql.insert_checkpoints(batch)
        return
    Checkpoint.unscoped.bulk_create(
        Checkpoint(
            run_id=write.run_id,
            workspace_id=write.workspace_id,
            fence=write.fence,
            **{name: getattr(row, name) for name in CheckpointRow.__slots__},
        )
        for write in batch
        for row in write.checkpoints
    )


def _record_attempts(write: Write) -> None:
    for row in write.attempts:
        Attempt.unscoped.update_or_create(
            run_id=write.run_id,
            name=row.name,
            occurrence=row.occurrence,
            number=row.number,
            defaults={
                "workspace_id": write.workspace_id,
                "args_hash": row.args_hash,
                "started_at": row.started_at,
                "ended_at": row.ended_at,
                "retry_at": row.retry_at,
                "error": row.error,
            },
        )


def _drop_waits(write: Write) -> None:
    if not write.drop:
        return
    dropped = Wait.unscoped.filter(_keys(write.drop), run_id=write.run_id)
    open_ = [(wait.kind, wait.name, wait.occurrence) for wait in dropped if wait.arrival is None]
    dropped.delete()
    waits.closed(write.workspace_id, write.run_id, open_)


def _open_waits(write: Write, run: Run) -> None:
    if not write.open:
        return
    rows = [
        Wait(
            run_id=write.run_id,
            workspace_id=write.workspace_id,
            name=row.name,
            occurrence=row.occurrence,
            kind=row.kind,
            subject=row.subject,
            match=row.match,
            looked=row.kind != "event",
            args_hash=row.args_hash,
            detail=row.detail,
            since=row.since,
            due_at=row.due_at,
        )
        for row in write.open
    ]
    Wait.unscoped.bulk_create(rows)
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for opened in write.open:
        for also in opened.also:
            by_model.setdefault(type(also), []).append(also)
    for model, group in by_model.items():
        model._base_manager.bulk_create(group, ignore_conflicts=True)
    for row in rows:
        waits.opened(run, row)


def _finish(write: Write, run: Run) -> Outcome:
    """Collect what arrived, then suspend when the write asks for it."""
    if run.status != RunStatus.RUNNING:
        # An earlier commit of this very write was only thought lost.
        return Written(suspended=write.suspend or write.requeue)
    if write.requeue:
        _release(run, RunStatus.WAITING)
        wake(run)
        return Written(suspended=True)
    if not (write.collect or write.suspend or write.open):
        return DONE
    if write.collect:
        expire_due_waits(run.id)
    arrivals = collect(run.id) if (run.wake or write.open or write.collect) else ()
    if write.suspend and not run.wake and not arrivals:
        _release(run, RunStatus.PAUSED if run.pausing else RunStatus.WAITING)
        return Written(suspended=True)
    if run.wake:
        _update(run, wake=False)
    return Written(pausing=run.pausing, arrivals=arrivals)


def _release(run: Run, status: RunStatus) -> None:
    _update(run, status=status, worker_id=None, claims=0, updated_at=clock.now())


def _continue_as_new(run: Run, new_input: bytes) -> None:
    """Begin the same run again with a new input and an empty history; buffered signals stay."""
    close_waits([run])
    for table in (Checkpoint, Attempt):
        table.unscoped.filter(run_id=run.id).delete()
    _update(run, input=new_input, generation=run.generation + 1, started_at=None)
    _release(run, RunStatus.WAITING)
    wake(run)


def _end_all(writes: Sequence[Write], runs: dict[UUID, Run]) -> dict[int, Outcome]:
    """End runs together; one that is not running any more was ended by an earlier commit of this very write."""
    ending: list[tuple[Run, End]] = []
    for write in writes:
        run = runs[write.run_id]
        assert write.end is not None
        if run.status != RunStatus.RUNNING:
            continue
        if write.end.new_input is not None:
            _continue_as_new(run, write.end.new_input)
        else:
            ending.append((run, write.end))
    _store_ends(ending, clock.now())
    over = [run for run, end in ending if end.status != RunStatus.NEEDS_ATTENTION]
    close_waits(over)
    for run in over:
        tell_parent(run, runs.get(run.parent_id) if run.parent_id else None)
    return {id(write): DONE for write in writes}


def _store_ends(ending: Sequence[tuple[Run, End]], now: datetime) -> None:
    for run, end in ending:
        run.status, run.output, run.error, run.worker_id = end.status, end.output, end.error, None
        run.ended_at = None if end.status == RunStatus.NEEDS_ATTENTION else now
    if connection.vendor == "postgresql":
        postgresql.end_runs([run for run, _ in ending], now)
        return
    for run, _ in ending:
        _update(
            run,
            status=run.status,
            output=run.output,
            error=run.error,
            worker_id=None,
            claims=0,
            ended_at=run.ended_at,
            updated_at=now,
        )


def close_waits(runs: Sequence[Run]) -> None:
    """Remove what ended runs waited for, and let the rooms above close the rows they keep for it."""
    ids = {run.id: run.workspace_id for run in runs}
    rows = Wait.unscoped.filter(run_id__in=ids)
    gone = list(rows.values_list("run_id", "kind", "name", "occurrence", "arrival"))
    if not gone:
        return
    rows.delete()
    for run_id, workspace_id in ids.items():
        open_ = [(kind, name, count) for owner, kind, name, count, at in gone if owner == run_id and at is None]
        waits.closed(workspace_id, run_id, open_)


def tell_parent(run: Run, parent: Run | None) -> None:
    """Hand a child's end to the parent that waits for it (locked by the caller)."""
    if parent is None or not run.parent_wait:
        return
    name, _, count = run.parent_wait.rpartition("#")
    outcome = {"run_id": str(run.id), "status": run.status, "error": run.error}
    packed = json.dumps(outcome).encode()
    arrive(parent, (name, int(count)), waits.pack_child(packed, run.output))


def _update(run: Run, **values: Any) -> None:
    Run.unscoped.filter(pk=run.pk).update(**values)
    for name, value in values.items():
        setattr(run, name, value)


def _applied_before(write: Write) -> bool:
    """Whether the rows of this write exist under its own fence: its commit succeeded though its answer was lost."""
    keys: list[Key] = [(row.name, row.occurrence) for row in write.checkpoints]
    if keys:
        stored = Checkpoint.unscoped.filter(_keys(keys), run_id=write.run_id, fence=write.fence)
        return stored.count() == len(keys)
    keys = [(row.name, row.occurrence) for row in write.open]
    return bool(keys) and Wait.unscoped.filter(_keys(keys), run_id=write.run_id).count() == len(keys)


def _keys(keys: Iterable[Key]) -> Q:
    condition = Q()
    for name, occurrence in keys:
        condition |= Q(name=name, occurrence=occurrence)
    return condition


def commit_atomic(work: Callable[[], Write]) -> None:
    """Run `work` and the checkpoint it returns in one transaction, the fence compared last.

    Raises Fenced, or whatever `work` raises; then nothing was done.
    """
    with transaction.atomic():
        write = work()
        run = lock([write.run_id]).get(write.run_id)
        if run is None or run.fence != write.fence:
            raise Fenced
        _insert_checkpoints([write])
    signals.announce(write.workspace_id, "run", str(write.run_id))


def exists(write: Write) -> bool:
    """Whether a write whose commit had an unknown outcome is there after all."""
    return _applied_before(write)


# -- arrivals and waking ---------------------------------------------------------------------------------------------


def arrive(run: Run, key: Key, outcome: bytes) -> bool:
    """Hand an outcome to an open wait and wake its run (locked by the caller). False when nothing waits any more."""
    waiting = Wait.unscoped.filter(run_id=run.id, name=key[0], occurrence=key[1], arrival__isnull=True)
    taken = waiting.update(arrival=_last_arrival(run.id) + 1, arrived_at=clock.now(), outcome=outcome)
    if taken:
        wake(run)
    return bool(taken)


def wake(run: Run) -> None:
    """Make a waiting run claimable; tell the owner of a running one that something arrived."""
    row = Run.unscoped.filter(pk=run.pk)
    if run.status == RunStatus.WAITING:
        row.update(status=RunStatus.QUEUED, vtime=virtual_time(run.workspace_id), updated_at=clock.now())
        run.status = RunStatus.QUEUED
        signals.ring(run.queue)
        signals.tell(run.workspace_id, "run", str(run.id))
    elif run.status == RunStatus.RUNNING:
        row.update(wake=True)
        signals.nudge(run.id)


def virtual_time(workspace_id: UUID) -> Any:
    """The place in line for a run queued now: one behind its workspace's last, never ahead of the line itself."""
    queued = Run.unscoped.filter(status=RunStatus.QUEUED)
    last = queued.filter(workspace_id=workspace_id).order_by("-vtime").values("vtime")[:1]
    first = queued.order_by("vtime").values("vtime")[:1]
    return Greatest(Coalesce(Subquery(last), Value(0)), Coalesce(Subquery(first), Value(0))) + 1


def place_in_line(workspace_id: UUID) -> int:
    """That place, as a number."""
    here = Workspace.objects.filter(pk=workspace_id).annotate(at=virtual_time(workspace_id))
    return int(here.values_list("at", flat=True).get())


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


def collect(run_id: UUID) -> tuple[Arrival, ...]:
    """What has arrived for a run's waits, in the order of arrival."""
    rows = Wait.unscoped.filter(run_id=run_id, arrival__isnull=False).order_by("arrival")
    return tuple(_arrival(row) for row in rows)


def _arrival(row: Wait) -> Arrival:
    assert row.outcome is not None
    assert row.arrived_at is not None
    return Arrival(row.name, row.occurrence, bytes(row.outcome), row.arrived_at, row.since)


def expire_due_waits(run_id: UUID) -> int:
    """Let the waits of a run whose deadline passed run out (the run is locked by the caller)."""
    due = list(Wait.unscoped.filter(run_id=run_id, arrival__isnull=True, due_at__lte=clock.now()).order_by("due_at"))
    for number, wait in enumerate(due, start=_last_arrival(run_id) + 1 if due else 0):
        _stamp(wait, number, RAN_OUT)
    return len(due)


def stamp(wait: Wait, outcome: bytes) -> None:
    """Mark an outcome as arrived without waking the run (locked by the caller, who is just opening the wait)."""
    _stamp(wait, _last_arrival(wait.run_id) + 1, outcome)


@waits.on_opened("signal")
def take_signal(run: Run, wait: Wait) -> None:
    """Give a new wait the oldest buffered signal of its name (the run is locked by the caller)."""
    signal = Signal.unscoped.filter(run_id=run.id, name=wait.subject, taken_by="").order_by("id").first()
    if signal is not None:
        signal.taken_by = f"{wait.name}#{wait.occurrence}"
        signal.save(update_fields=["taken_by"])
        stamp(wait, bytes(signal.data))


def _stamp(wait: Wait, arrival: int, outcome: bytes) -> None:
    Wait.unscoped.filter(pk=wait.pk).update(arrival=arrival, arrived_at=clock.now(), outcome=outcome)


def _last_arrival(run_id: UUID) -> int:
    return Wait.unscoped.filter(run_id=run_id).aggregate(last=Max("arrival"))["last"] or 0


# -- claiming --------------------------------------------------------------------------------------------------------


def claim(worker_id: UUID, queues: Sequence[str], limit: int) -> list[Claimed]:
    """Take up to `limit` ready runs, in fair order, each with its history."""
    if connection.vendor == "postgresql":
        ids = postgresql.claim(worker_id, queues, limit)
    else:
        ids = _claim_on_sqlite(worker_id, queues, limit)
    runs = {run.id: run for run in Run.unscoped.filter(id__in=ids).defer("output", "search")} if ids else {}
    histories = load_histories([run.id for run in runs.values() if run.fence > 1])
    return [Claimed(runs[id_], histories.get(id_, History())) for id_ in ids if id_ in runs]


def _claim_on_sqlite(worker_id: UUID, queues: Sequence[str], limit: int) -> list[UUID]:
    """SQLite has one writer at a time, so choosing and taking in one transaction is enough."""
    now = clock.now()
    with transaction.atomic():
        ready = Run.unscoped.filter(status=RunStatus.QUEUED, queue__in=queues)
        ids = list(ready.order_by("rank", "vtime", "id").values_list("id", flat=True)[:limit])
        Run.unscoped.filter(id__in=ids).update(
            status=RunStatus.RUNNING,
            worker_id=worker_id,
            fence=models.F("fence") + 1,
            claims=models.F("claims") + 1,
            wake=False,
            started_at=Coalesce("started_at", Value(now, output_field=models.DateTimeField())),
            updated_at=now,
        )
    return ids


def load_histories(run_ids: Sequence[UUID]) -> dict[UUID, History]:
    """What these runs did before: three queries, whatever their number; large outputs stay behind."""
    if not run_ids:
        return {}
    found: dict[UUID, tuple[list[Recorded], list[Wait], list[Attempt]]] = {id_: ([], [], []) for id_ in run_ids}
    for run_id, record in _recorded(run_ids):
        found[run_id][0].append(record)
    for wait in Wait.unscoped.filter(run_id__in=run_ids).order_by("arrival", "name", "occurrence"):
        found[wait.run_id][1].append(wait)
    done = Checkpoint.unscoped.filter(
        run_id=OuterRef("run_id"), name=OuterRef("name"), occurrence=OuterRef("occurrence")
    )
    attempts = Attempt.unscoped.filter(~models.Exists(done), run_id__in=run_ids)
    for attempt in attempts.order_by("name", "occurrence", "number"):
        found[attempt.run_id][2].append(attempt)
    return {id_: History(tuple(rows[0]), tuple(rows[1]), tuple(rows[2])) for id_, rows in found.items()}


def _recorded(run_ids: Sequence[UUID]) -> Iterable[tuple[UUID, Recorded]]:
    small = models.Case(
        models.When(size__lte=PRELOAD_BYTES, then=models.F("output")), default=None, output_field=models.BinaryField()
    )
    rows = (
        Checkpoint.unscoped.filter(run_id__in=run_ids)
        .annotate(size=Length("output"))
        .order_by("run_id", "seq")
        .values_list(
            "run_id", "name", "occurrence", "seq", "kind", "status", "args_hash", small, "error", "ended_at", "size"
        )
    )
    for run_id, name, occurrence, seq, kind, status, args_hash, output, error, ended_at, size in rows:
        stored = None if output is None else bytes(output)
        large = size is not None and size > PRELOAD_BYTES
        yield run_id, Recorded(name, occurrence, seq, kind, status, bytes(args_hash), stored, error, ended_at, large)


def read_output(run_id: UUID, key: Key) -> bytes:
    """A large output that was not preloaded."""
    row = Checkpoint.unscoped.get(run_id=run_id, name=key[0], occurrence=key[1])
    assert row.output is not None
    return bytes(row.output)
