"""What runs recorded of one kind of wait, for the room whose kind it is: to read it, and to put it right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from flowapp.engine import chance, codec
from flowapp.engine.models import Checkpoint, Run
from flowapp.engine.states import StepStatus


@dataclass(frozen=True, slots=True)
class Recorded:
    """An outcome as plain data. `runs`: the run that holds it, and those from which a fork may have taken it over."""

    run_id: UUID
    runs: tuple[UUID, ...]
    name: str
    occurrence: int
    value: Any

    @property
    def key(self) -> str:
        """The step, as waits name it."""
        return f"{self.name}#{self.occurrence}"


def of_kind(kind: str) -> Iterator[Recorded]:
    """All outcomes of this kind of wait in the workspace in scope, run by run."""
    rows = Checkpoint.objects.filter(kind=kind, status=StepStatus.COMPLETED, output__isnull=False)
    origin = Subquery(Run.objects.filter(pk=OuterRef("run_id")).values("origin"))
    for row in rows.order_by("run_id", "seq").annotate(origin=origin).iterator():
        runs = tuple(chance.runs_of(row.run_id, row.origin))
        yield Recorded(row.run_id, runs, row.name, row.occurrence, codec.plain(row.output))


def put_right(recorded: Recorded, value: Any) -> None:
    """Have a run replay this value instead, within the caller's transaction, which says why in the audit log."""
    row = Checkpoint.objects.filter(run_id=recorded.run_id, name=recorded.name, occurrence=recorded.occurrence)
    row.update(output=codec.encode(value))
