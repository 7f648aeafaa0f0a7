"""How far a map has come whose items run elsewhere: its batches' waits, shown as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from flowapp.engine.models import Checkpoint, Run, Wait
from flowapp.engine.states import RunStatus, StepStatus

MAP = "map"  # the kind of such waits


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
    over = (StepStatus.COMPLETED, StepStatus.FAILED)
    return Checkpoint.objects.filter(run_id__in=counted, name=name, kind="step", status__in=over).count()
