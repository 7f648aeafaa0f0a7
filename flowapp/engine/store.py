"""The only writer of a held run's state: checkpoint, suspend, end. Every write of an owner compares its fence.

A `Write` (records.py) is what one run wants committed; `apply` commits many of them in one transaction (group_commit.py
feeds it). A write whose commit had an unknown outcome is applied again: its rows then exist already under the same
fence, which is recognised and counts as success.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, models, transaction

from . import arrivals, clock, codec, facts, parents, postgresql, signals, waits
from .errors import Fenced
from .line import admission
from .models import Attempt, Checkpoint, Run, Wait
from .records import DONE, CheckpointRow, End, Key, Outcome, Write, Written
from .states import RunStatus

ROWS = 1000  # an INSERT
SHOWN_ARGUMENTS = 200  # bytes of a step's arguments in a message


def apply(batch: Sequence[Write]) -> list[Outcome]:
    """Commit the writes together; one that cannot be stored does not fail its neighbours (the batch is halved).

    The caller announces that their runs changed: it knows best when that is worth it.
    """
    try:
        if connection.vendor == "postgresql" and all(write.simple for write in batch):
            owned = postgresql.insert_checkpoints_if_owned(batch)
            return [DONE if (write.run_id, write.fence) in owned else Fenced() for write in batch]
        if connection.vendor == "postgresql" and all(write.simple or _ends_unheard(write) for write in batch):
            return _apply_with_ends(batch)
        with transaction.atomic():
            return _apply(batch)
    except (OperationalError, InterfaceError):
        raise  # the database is away: all of it is tried again
    except Exception as error:
        if len(batch) > 1:
            middle = len(batch) // 2
            return apply(batch[:middle]) + apply(batch[middle:])
        return [DONE if exists(batch[0]) else error]


def _ends_unheard(write: Write) -> bool:
    """Whether it only ends a run, of which nobody has to be told in the transaction."""
    return write.plain_end and not facts.heard([write.workspace_id])


def _apply_with_ends(batch: Sequence[Write]) -> list[Outcome]:
    """Commit bare checkpoints and plain ends in one statement; an end that has more to close goes the long way."""
    owned, ended = postgresql.insert_and_end_if_owned(batch)
    admission.freed(write.limit_id for write in batch if write.end is not None)
    left = [write for write in batch if write.end is not None and (write.run_id, write.fence) in owned - ended]
    outcomes: dict[int, Outcome] = {}
    if left:
        with transaction.atomic():
            outcomes = {id(write): outcome for write, outcome in zip(left, _apply(left), strict=True)}
    return [outcomes.get(id(write), DONE if (write.run_id, write.fence) in owned else Fenced()) for write in batch]


def _apply(batch: Sequence[Write]) -> list[Outcome]:
    """Commit a mixed batch: bare checkpoints by the one statement that suffices for them, the rest under its locks."""
    outcomes: dict[int, Outcome] = {}
    simple = [write for write in batch if write.simple] if connection.vendor == "postgresql" else []
    rest = [write for write in batch if not write.simple] if simple else batch
    if simple:
        owned = postgresql.insert_checkpoints_if_owned(simple, lock=_ids(rest))
        outcomes = {id(write): DONE if (write.run_id, write.fence) in owned else Fenced() for write in simple}
    runs = arrivals.lock(_ids(rest))
    mine = [write for write in rest if write.run_id in runs and runs[write.run_id].fence == write.fence]
    _insert_checkpoints(mine)
    for write in mine:
        _record_attempts(write)
        arrivals.close_some(write, runs[write.run_id])
        _open_waits(write, runs[write.run_id])
    outcomes |= {id(write): _finish(write, runs[write.run_id]) for write in mine if write.end is None}
    outcomes |= _end_all([write for write in mine if write.end is not None], runs)
    admission.freed(write.limit_id for write in mine if write.end is not None or write.suspend)
    return [outcomes.get(id(write)) or Fenced() for write in batch]


def _ids(batch: Sequence[Write]) -> set[UUID]:
    """The runs to lock, parents of ending runs included, so that all locks are taken at once in one order."""
    ids = {write.run_id for write in batch}
    return ids | {write.parent_id for write in batch if write.end is not None and write.parent_id is not None}


def _insert_checkpoints(batch: Sequence[Write]) -> None:
    if connection.vendor == "postgresql":
        postgresql.insert_checkpoints(batch)
        for write in batch:
            if write.early:
                keys = [(row.name, row.occurrence) for row in write.checkpoints]
                Checkpoint.unscoped.filter(arrivals.matching(keys), run_id=write.run_id).update(early=True)
        return
    Checkpoint.unscoped.bulk_create(
        Checkpoint(
            run_id=write.run_id,
            workspace_id=write.workspace_id,
            fence=write.fence,
            early=write.early,
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
    Wait.unscoped.bulk_create(rows, batch_size=ROWS)
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for opened in write.open:
        for also in opened.also:
            if isinstance(also, Run) and parents.carries(also):
                # Said each time: when a commit failed, the run may have gone on before the next.
                also.status = RunStatus.PAUSED if run.pausing else RunStatus.QUEUED
            by_model.setdefault(type(also), []).append(also)
    for model, group in by_model.items():
        model._base_manager.bulk_create(group, batch_size=ROWS, ignore_conflicts=True)
    admission.enter_all([child for child in by_model.get(Run, ()) if isinstance(child, Run)])
    for row in rows:
        waits.opened(run, row)


def _finish(write: Write, run: Run) -> Outcome:
    """Collect what arrived, then suspend when the write asks for it."""
    if run.status != RunStatus.RUNNING:
        # An earlier commit of this very write was only thought lost.
        return Written(suspended=write.suspend or write.requeue)
    if write.requeue:
        _release(run, RunStatus.WAITING)
        arrivals.wake(run)
        return Written(suspended=True)
    if not (write.collect or write.suspend or write.open):
        return Written(pausing=run.pausing)
    if write.collect:
        arrivals.expire_due_waits(run.id)
    arrived = arrivals.collect(run.id) if (run.wake or write.open or write.collect) else ()
    if write.suspend and (run.pausing or not (run.wake or arrived or write.pausing)):
        _release(run, RunStatus.PAUSED if run.pausing else RunStatus.WAITING)
        return Written(suspended=True)
    if run.wake:
        _update(run, wake=False)
    return Written(pausing=run.pausing, arrivals=arrived)


def _release(run: Run, status: RunStatus) -> None:
    _update(run, status=status, worker_id=None, claims=0, rank=0, updated_at=clock.now())


def _continue_as_new(run: Run, new_input: bytes) -> None:
    """Begin the same run again with a new input and an empty history; buffered signals stay."""
    arrivals.close_all([run])
    for table in (Checkpoint, Attempt):
        table.unscoped.filter(run_id=run.id).delete()
    _update(run, input=new_input, generation=run.generation + 1, started_at=None, origin=None)
    _release(run, RunStatus.WAITING)
    arrivals.wake(run)


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
    arrivals.close_all(over)
    for run, _ in ending:
        facts.run_ended(run)
    parents.tell(over, runs)
    stopped = [run for run, end in ending if end.status == RunStatus.NEEDS_ATTENTION]
    parents.ask(stopped, runs)
    for run in stopped:
        parents.go_on(run)  # a person may have looked after its children already
    return {id(write): DONE for write in writes}


def _store_ends(ending: Sequence[tuple[Run, End]], now: datetime) -> None:
    for run, end in ending:
        run.status, run.output, run.error, run.worker_id = end.status, end.output, _with_both_sides(run, end), None
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


def _with_both_sides(run: Run, end: End) -> dict[str, Any] | None:
    """The error; where arguments differ, with the recorded ones and those of the code that runs now."""
    if end.compare is None or end.error is None:
        return end.error
    (name, occurrence), now = end.compare
    row = Checkpoint.unscoped.filter(run_id=run.id, name=name, occurrence=occurrence).only("input").first()
    then = codec.unpack(row.input) if row and row.input is not None else b"something else"
    both = f"recorded {_excerpt(then)}, now {_excerpt(now)}"
    return {**end.error, "message": f"{end.error['message']}: {both}"}


def _excerpt(data: bytes) -> str:
    return data[:SHOWN_ARGUMENTS].decode(errors="replace")


def _update(run: Run, **values: Any) -> None:
    Run.unscoped.filter(pk=run.pk).update(**values)
    for name, value in values.items():
        setattr(run, name, value)


def exists(write: Write) -> bool:
    """Whether the rows of this write exist under its own fence: its commit succeeded though its answer was lost."""
    keys: list[Key] = [(row.name, row.occurrence) for row in write.checkpoints]
    if keys:
        stored = Checkpoint.unscoped.filter(arrivals.matching(keys), run_id=write.run_id, fence=write.fence)
        return stored.count() == len(keys)
    keys = [(row.name, row.occurrence) for row in write.open]
    return bool(keys) and Wait.unscoped.filter(arrivals.matching(keys), run_id=write.run_id).count() == len(keys)


def commit_atomic(work: Callable[[], Write]) -> None:
    """Run `work` and the checkpoint it returns in one transaction, the fence compared last.

    Raises Fenced, or whatever `work` raises; then nothing was done.
    """
    with transaction.atomic():
        write = work()
        run = arrivals.lock([write.run_id]).get(write.run_id)
        if run is None or run.fence != write.fence:
            raise Fenced
        _insert_checkpoints([write])
        arrivals.close_some(write, run)
    signals.announce(write.workspace_id, "run", str(write.run_id))
