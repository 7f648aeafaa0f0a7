"""How a child's end reaches the run that waits for it: handed over at once, and the parent woken when it is worth it.

To wake a run is to replay it. Of a map that needs all its batches, only the last one wakes the parent, or one that
failed. A run that waits for hundreds of children is woken for many of their ends together, so that what the replays
cost stays in proportion to what there is to replay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from . import arrivals, clock, codec, registry, timers
from .errors import ChildNeedsAttention
from .models import Run, Timer, Wait
from .records import Key
from .states import RunStatus

LINGER_FROM = 200  # open children; with fewer, each end wakes the parent at once
LINGER = timedelta(milliseconds=0.5)  # for each open child: about what its part of a replay costs, several times over
LONGEST = timedelta(seconds=5)
TIMER = "wake-parent"
ASK = "ask-parent"
ASKING = ChildNeedsAttention.__name__  # the error of a run of whose child a person is asked


def tell(children: Iterable[Run], runs: Mapping[UUID, Run]) -> None:
    """Hand the ends of these children to those of the locked `runs` that wait for them."""
    families: dict[UUID, list[Run]] = {}
    for child in children:
        if child.parent_id is not None and child.parent_id in runs and child.parent_wait:
            families.setdefault(child.parent_id, []).append(child)
    for parent_id, ended in families.items():
        arrived = arrivals.hand_over(parent_id, {key_of(child): _outcome(child) for child in ended})
        if arrived and _worth_waking(parent_id, arrived):
            arrivals.wake(runs[parent_id])
        go_on(runs[parent_id])


def key_of(child: Run) -> Key:
    """The wait of its parent that a child is behind."""
    name, _, count = child.parent_wait.rpartition("#")
    return name, int(count)


def carries(child: Run) -> bool:
    """Whether this child is a part of its parent: a step or some items of a map that it sent to a queue."""
    return child.parent_id is not None and child.workflow in registry.own()


def ask(children: Iterable[Run], runs: Mapping[UUID, Run]) -> None:
    """Have a person asked by those of the locked `runs` whose step or map stopped for one in these runs of its own:
    people look at the run that they know, and retry that."""
    for child in children:
        parent = runs.get(child.parent_id) if child.parent_id is not None else None
        if parent is not None and carries(child) and arrivals.ask(parent.id, key_of(child), _outcome(child)):
            arrivals.wake(parent)


def ask_soon(child: Run) -> None:
    """The same, where the parent cannot be locked: it is older than what is locked already."""
    if carries(child):
        due = clock.now() - timedelta(seconds=1)
        timers.set_once(timers.timer(ASK, str(child.id), due, {}, workspace_id=child.workspace_id))


@timers.on_timer(ASK)
def _ask(timer: timers.DueTimer) -> None:
    child = Run.objects.filter(pk=UUID(timer.key)).only("id", "parent_id").first()
    if child is None or child.parent_id is None:
        return
    runs = arrivals.lock([child.id, child.parent_id])
    ask([run for run in runs.values() if run.id == child.id and run.status == RunStatus.NEEDS_ATTENTION], runs)


def looked_after(child: Run, parent: Run) -> None:
    """A person has retried a child (both are locked by the caller): its parent waits for it as before."""
    arrivals.asked_enough(parent.id, [key_of(child)])
    go_on(parent)


def go_on(parent: Run) -> None:
    """Let a run (locked by the caller) that asked a person go on, once none of its children needs one any more."""
    asked = parent.status == RunStatus.NEEDS_ATTENTION and (parent.error or {}).get("type") == ASKING
    if asked and not arrivals.asking(parent.id):
        Run.unscoped.filter(pk=parent.pk).update(error=None, claims=0)
        arrivals.requeue(parent)


def _outcome(child: Run) -> bytes:
    if child.status == RunStatus.COMPLETED:
        return bytes(child.output or b"")
    end = {"run_id": str(child.id), "status": child.status, "error": child.error}
    return codec.FAILURE + json.dumps(end).encode()


def _worth_waking(parent_id: UUID, arrived: Sequence[Wait]) -> bool:
    open_ = Wait.unscoped.filter(run_id=parent_id, arrival__isnull=True)
    if all(wait.detail.get("together") for wait in arrived):
        failed = any(bytes(wait.outcome or b"")[:1] == codec.FAILURE for wait in arrived)
        return failed or any(not open_.filter(subject=subject).exists() for subject in {w.subject for w in arrived})
    if any(wait.kind != "child" for wait in arrived):
        return True
    if open_.filter(kind="child")[: LINGER_FROM + 1].count() <= LINGER_FROM:
        return True
    _wake_later(arrived[0])
    return False


def _wake_later(wait: Wait) -> None:
    key = str(wait.run_id)
    if Timer.unscoped.filter(workspace_id=wait.workspace_id, kind=TIMER, key=key).exists():
        return
    count = Wait.unscoped.filter(run_id=wait.run_id, arrival__isnull=True).count()
    due = clock.now() + min(LONGEST, count * LINGER)
    timers.set_once(timers.timer(TIMER, key, due, {}, workspace_id=wait.workspace_id))


@timers.on_timer(TIMER)
def _wake(timer: timers.DueTimer) -> None:
    parent = arrivals.lock([UUID(timer.key)]).get(UUID(timer.key))
    if parent is not None and Wait.objects.filter(run_id=parent.id, arrival__isnull=False).exists():
        arrivals.wake(parent)
