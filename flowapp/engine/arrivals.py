"""What arrives for a run's waits: handed over under the run's lock, kept in order, and waking the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db.models import Max, Q

from . import clock, signals, waits
from .line import admission, claims
from .models import ASKS, UNANSWERED, Run, Signal, Wait
from .records import RAN_OUT, Arrival, Key, Write
from .states import RunStatus

_OPEN = (None, ASKS)


def lock(ids: Iterable[UUID]) -> dict[UUID, Run]:
    """Lock runs in the order of their ids (parents are older than their children) within the caller's transaction."""
    query = Run.unscoped.filter(id__in=list(ids)).order_by("id").select_for_update(no_key=True)
    deferred = query.defer("input", "output", "search", "request_hash")
    return {run.id: run for run in deferred}


def arrive(run: Run, key: Key, outcome: bytes) -> bool:
    """Hand an outcome to an open wait and wake its run (locked by the caller). False when nothing waits any more."""
    waiting = Wait.unscoped.filter(run_id=run.id, name=key[0], occurrence=key[1], arrival__isnull=True)
    taken = waiting.update(arrival=_last_arrival(run.id) + 1, arrived_at=clock.now(), outcome=outcome)
    if taken:
        wake(run)
    return bool(taken)


def hand_over(run_id: UUID, outcomes: Mapping[Key, bytes]) -> list[Wait]:
    """Give each of these outcomes to its wait, in this order, waking nobody; returns the waits that were still open."""
    rows = Wait.unscoped.filter(matching(outcomes), UNANSWERED, run_id=run_id)
    open_ = {(wait.name, wait.occurrence): wait for wait in rows}
    arrived = [open_[key] for key in outcomes if key in open_]
    for number, wait in enumerate(arrived, start=_last_arrival(run_id) + 1 if arrived else 0):
        _stamp(wait, number, outcomes[wait.name, wait.occurrence])
    return arrived


def wake(run: Run) -> None:
    """Make a waiting run claimable; tell the owner of a running one that something arrived."""
    if run.status == RunStatus.WAITING:
        requeue(run)
        signals.tell(run.workspace_id, "run", str(run.id))
    elif run.status == RunStatus.RUNNING:
        Run.unscoped.filter(pk=run.pk).update(wake=True)
        run.wake = True  # a later write of the same batch must not suspend the run
        signals.nudge(run.id)


def requeue(run: Run) -> None:
    """Put a run that rests (locked by the caller) back in line."""
    place = claims.virtual_time(run.workspace_id)
    run.status, run.held = RunStatus.QUEUED, admission.holds_again(run)
    row = Run.unscoped.filter(pk=run.pk)
    row.update(status=run.status, held=run.held, rank=0, vtime=place, updated_at=clock.now())
    admission.enter(run)


def ask(run_id: UUID, key: Key, outcome: bytes) -> bool:
    """Note at an open wait that its child needs a person. False when nothing waits any more."""
    waiting = Wait.unscoped.filter(UNANSWERED, run_id=run_id, name=key[0], occurrence=key[1])
    return bool(waiting.update(arrival=ASKS, arrived_at=clock.now(), outcome=outcome))


def asking(run_id: UUID) -> list[Key]:
    """The waits of a run whose children need a person."""
    return list(Wait.unscoped.filter(run_id=run_id, arrival=ASKS).values_list("name", "occurrence"))


def asked_enough(run_id: UUID, keys: Iterable[Key]) -> None:
    """A person has looked after the children of these waits: they wait as before."""
    rows = Wait.unscoped.filter(matching(keys), run_id=run_id, arrival=ASKS)
    rows.update(arrival=None, arrived_at=None, outcome=None)


def collect(run_id: UUID) -> tuple[Arrival, ...]:
    """What has arrived for a run's waits, in the order of arrival."""
    rows = Wait.unscoped.filter(run_id=run_id, arrival__isnull=False).order_by("arrival")
    return tuple(arrival_of(row) for row in rows)


def arrival_of(row: Wait) -> Arrival:
    assert row.outcome is not None
    assert row.arrived_at is not None
    return Arrival(row.name, row.occurrence, bytes(row.outcome), row.arrived_at, row.since, row.arrival == ASKS)


def expire_due_waits(run_id: UUID) -> int:
    """Let the waits of a run whose deadline passed run out (the run is locked by the caller)."""
    due = list(Wait.unscoped.filter(run_id=run_id, arrival__isnull=True, due_at__lte=clock.now()).order_by("due_at"))
    for number, wait in enumerate(due, start=_last_arrival(run_id) + 1 if due else 0):
        _stamp(wait, number, RAN_OUT)
    return len(due)


def stamp(wait: Wait, outcome: bytes) -> None:
    """Mark an outcome as arrived without waking the run (locked by the caller, who is just opening the wait)."""
    _stamp(wait, _last_arrival(wait.run_id) + 1, outcome)


def close_all(runs: Sequence[Run]) -> None:
    """Remove what ended runs waited for, and let the rooms above close the rows they keep for it."""
    ids = {run.id: run.workspace_id for run in runs}
    rows = Wait.unscoped.filter(run_id__in=ids)
    gone = list(rows.values_list("run_id", "kind", "name", "occurrence", "arrival"))
    if not gone:
        return
    rows.delete()
    for run_id, workspace_id in ids.items():
        open_ = [(kind, name, count) for owner, kind, name, count, at in gone if owner == run_id and at in _OPEN]
        waits.closed(workspace_id, run_id, open_)


def close_some(write: Write, run: Run) -> None:
    """Remove the waits that a write is done with; what a cancelled one had not taken is given back."""
    for kind, key in write.give_back:
        waits.given_back(kind, run, *key)
    if not write.drop:
        return
    cancelled = write.cancelled
    dropped = list(Wait.unscoped.filter(matching(write.drop), run_id=run.id))
    Wait.unscoped.filter(matching(write.drop), run_id=run.id).delete()
    waits.closed(run.workspace_id, run.id, [(w.kind, w.name, w.occurrence) for w in dropped if w.arrival in _OPEN])
    for wait in dropped:
        if (wait.name, wait.occurrence) in cancelled and bytes(wait.outcome or RAN_OUT) != RAN_OUT:
            waits.given_back(wait.kind, run, wait.name, wait.occurrence)


def matching(keys: Iterable[Key]) -> Q:
    """The rows of these (name, occurrence)."""
    counts: dict[str, list[int]] = {}
    for name, occurrence in keys:
        counts.setdefault(name, []).append(occurrence)
    condition = Q()
    for name, found in counts.items():
        condition |= Q(name=name, occurrence__in=found)
    return condition


def _stamp(wait: Wait, arrival: int, outcome: bytes) -> None:
    wait.arrival, wait.arrived_at, wait.outcome = arrival, clock.now(), outcome
    Wait.unscoped.filter(pk=wait.pk).update(arrival=arrival, arrived_at=wait.arrived_at, outcome=outcome)


def _last_arrival(run_id: UUID) -> int:
    return Wait.unscoped.filter(run_id=run_id).aggregate(last=Max("arrival"))["last"] or 0


# -- signals: buffered in order until a wait takes them --------------------------------------------------------------


@waits.on_opened("signal")
def take_signal(run: Run, wait: Wait) -> None:
    """Give a new wait the oldest buffered signal of its name (the run is locked by the caller)."""
    signal = Signal.unscoped.filter(run_id=run.id, name=wait.subject, taken_by="").order_by("id").first()
    if signal is not None:
        signal.taken_by = f"{wait.name}#{wait.occurrence}"
        signal.save(update_fields=["taken_by"])
        stamp(wait, bytes(signal.data))


@waits.on_given_back("signal")
def untake_signal(run: Run, key: str) -> None:
    """Put the signal of a cancelled wait back in its place in line, where another open wait may have it at once.

    Waits that have later ones, which the body has not seen, each get the one before; the last of these goes back.
    """
    signal = Signal.unscoped.filter(run_id=run.id, taken_by=key).first()
    if signal is None:
        return
    rows = Wait.unscoped.filter(run_id=run.id, kind="signal", subject=signal.name, arrival__isnull=False)
    holding = {f"{wait.name}#{wait.occurrence}": wait for wait in rows}
    later = Signal.unscoped.filter(run_id=run.id, name=signal.name, id__gt=signal.id, taken_by__in=holding)
    for other in later.exclude(taken_by=key).order_by("id"):
        Wait.unscoped.filter(pk=holding[other.taken_by].pk).update(outcome=bytes(signal.data))
        signal.taken_by = other.taken_by
        signal.save(update_fields=["taken_by"])
        signal = other
    signal.taken_by = ""
    signal.save(update_fields=["taken_by"])
    if heir := waiting_for_signal(run.id, signal.name):
        take_signal(run, heir)
        wake(run)


def waiting_for_signal(run_id: UUID, name: str) -> Wait | None:
    """The wait that has the next signal of this name coming to it."""
    open_ = Wait.unscoped.filter(run_id=run_id, kind="signal", subject=name, arrival__isnull=True)
    return open_.order_by("since", "occurrence").first()
