"""How far a map has come. Its items' checkpoints are counted; how many there are is told by whoever executes them.

Items on a queue: the waits for their batches say it, and are shown as one. Items inside the run: its worker says it
with each heartbeat, so that a map costs no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flowapp.engine.models import Checkpoint, Run, Wait, Worker
from flowapp.engine.states import RunStatus, StepStatus

MAP = "map"  # the kind of such waits
TOLD = 100  # maps in a heartbeat
_OVER = (StepStatus.COMPLETED, StepStatus.FAILED)


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A map whose items run inside their run: its name, the occurrence of its first item, and how many there are."""

    name: str
    first: int
    of: int
    since: datetime


def told(running: dict[UUID, Sequence[Mapping]]) -> dict[str, Any]:
    """What a worker says of the maps in its runs."""
    found = [(str(run_id), one) for run_id, maps in running.items() for one in list(maps)][:TOLD]
    said: dict[str, Any] = {}
    for run_id, one in found:
        said.setdefault(run_id, []).append([one.name, one.first, one.of, one.since.isoformat()])
    return said


def inside(run: Run) -> list[tuple[Mapping, int]]:
    """The maps that a worker has under way in this run, each with how many of its items are done."""
    if run.status != RunStatus.RUNNING or run.worker_id is None:
        return []
    said = Worker.objects.filter(id=run.worker_id).values_list("maps", flat=True).first() or {}
    found = said.get(str(run.id), ())
    maps = [Mapping(name, first, of, datetime.fromisoformat(since)) for name, first, of, since in found]
    return [(one, _done_inside(run.id, one)) for one in maps]


def _done_inside(run_id: UUID, one: Mapping) -> int:
    items = Checkpoint.objects.filter(run_id=run_id, name=one.name, kind="step", status__in=_OVER)
    return items.filter(occurrence__range=(one.first, one.first + one.of - 1)).count()


def folded(run_id: UUID, waits: Iterable[Wait]) -> list[Wait]:
    """The same waits, but one for each map, the first of its batches; its detail says how many items are `done`."""
    shown: list[Wait] = []
    maps: dict[str, Wait] = {}
    for wait in waits:
        if wait.kind != MAP:
            shown.append(wait)
        elif wait.subject not in maps:
            maps[wait.subject] = wait
            shown.append(wait)
    for wait in maps.values():
        wait.detail = {"done": _done(run_id, wait.name, wait.detail), "of": wait.detail["of"]}
    return shown


def _done(run_id: UUID, name: str, detail: dict[str, Any]) -> int:
    keys = [f"{name}#{count}" for count in range(detail["first"], detail["last"] + 1)]
    batches = Run.objects.filter(parent_id=run_id, parent_wait__in=keys)
    counted = batches.exclude(status__in=(RunStatus.FAILED, RunStatus.CANCELLED)).values("id")
    return Checkpoint.objects.filter(run_id__in=counted, name=name, kind="step", status__in=_OVER).count()
