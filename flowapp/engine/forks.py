"""A look at a fork before it is made: which recorded steps it reuses, and which run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from . import registry, runs
from .errors import RunNotFound
from .models import Checkpoint, Run
from .queries import HIDDEN_KINDS

SHOWN: Final = 100  # steps of each kind


@dataclass(frozen=True, slots=True)
class Step:
    """A recorded step or wait."""

    name: str
    occurrence: int
    kind: str
    status: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a fork from a step would do. Lists hold the first 100; `kinds` counts by kind what runs again."""

    from_step: str
    reused: list[Step]
    reused_count: int
    again: list[Step]
    again_count: int
    kinds: Mapping[str, int]


def preview(run_id: UUID, from_step: str) -> Preview:
    """What a fork would reuse and repeat. Raises RunNotFound; IllegalState when that step was not recorded."""
    run = Run.objects.filter(id=run_id).only("id", "workflow", "version").first()
    if run is None:
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    registry.find(run.workflow, run.version)  # its code must be here, or the fork could not run
    at = runs.recorded_step(run_id, from_step)
    recorded = Checkpoint.objects.filter(run_id=run_id).exclude(kind__in=HIDDEN_KINDS)
    before, after = recorded.filter(seq__lt=at.seq), recorded.filter(seq__gte=at.seq)
    kinds = Counter(after.values_list("kind", flat=True))
    return Preview(
        f"{at.name}#{at.occurrence}", _steps(before, "-seq")[::-1], before.count(), _steps(after), kinds.total(), kinds
    )


def _steps(recorded: QuerySet[Checkpoint], order: str = "seq") -> list[Step]:
    rows = recorded.order_by(order).values_list("name", "occurrence", "kind", "status")[:SHOWN]
    return [Step(*row) for row in rows]
