"""A run's relatives: the parents above it and the children below, as lists and as the nodes of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, QuerySet

from flowapp.engine.models import Run

ABOVE: Final = 10  # generations that are looked up
SHOWN: Final = 12  # children of one run in a graph


@dataclass(slots=True)
class Relative:
    """A run in its family. `step` is its parent's wait for it, as "name#2"; `more` counts children not shown."""

    id: UUID
    workflow: str
    status: str
    step: str
    started_at: datetime | None
    ended_at: datetime | None
    children: list[Relative] = field(default_factory=list)
    more: int = 0
    is_asked: bool = False


_FIELDS: Final = ("id", "workflow", "status", "parent_id", "parent_wait", "started_at", "ended_at", "created_at")


def children(run_id: UUID, *, cursor: str | None = None, limit: int = 50) -> tuple[list[Relative], str | None]:
    """The children of a run in the order of their starts, and the cursor of the next page.

    Raises ValueError for a strange one.
    """
    found = _children([run_id])
    page = list((found.filter(id__gt=UUID(cursor)) if cursor else found)[: limit + 1])
    return [_relative(run) for run in page[:limit]], str(page[limit - 1].id) if len(page) > limit else None


def waited_for(run_id: UUID, steps: Sequence[str]) -> dict[str, list[Relative]]:
    """The children behind these waits of a run ("name#occurrence"), by wait."""
    found: dict[str, list[Relative]] = {}
    if steps:
        for run in _children([run_id]).filter(parent_wait__in=steps)[:200]:
            found.setdefault(run.parent_wait, []).append(_relative(run))
    return found


def statuses_below(run_id: UUID) -> dict[str, int]:
    """How many children stand in each status."""
    below = Run.objects.filter(parent_id=run_id).order_by()
    return dict(below.values("status").annotate(n=Count("id")).values_list("status", "n"))


def family(run_id: UUID) -> Relative | None:
    """The run with its parents above it and two generations below; the eldest is the root. None: it has nobody."""
    run = Run.objects.filter(id=run_id).only(*_FIELDS).first()
    if run is None:
        return None
    asked = _relative(run)
    asked.is_asked = True
    _hang_below([asked])
    _hang_below(asked.children)
    eldest, parent_id = asked, run.parent_id
    for _ in range(ABOVE):
        parent = Run.objects.filter(id=parent_id).only(*_FIELDS).first() if parent_id else None
        if parent is None:
            break
        above = _relative(parent)
        above.children = [eldest]
        eldest, parent_id = above, parent.parent_id
    return eldest if eldest is not asked or asked.children else None


def _hang_below(parents: Sequence[Relative]) -> None:
    """Give each of these runs its children, as many as are shown."""
    if not parents:
        return
    by_id = {parent.id: parent for parent in parents}
    counts = Run.objects.filter(parent_id__in=by_id).order_by().values("parent_id").annotate(n=Count("id"))
    for row in counts:
        by_id[row["parent_id"]].more = row["n"]  # type: ignore[index]  # it has a parent: it was found by it
    for parent in parents:
        if parent.more:
            parent.children = [_relative(run) for run in _children([parent.id])[:SHOWN]]
            parent.more -= len(parent.children)


def _children(parents: Sequence[UUID]) -> QuerySet[Run, Run]:
    return Run.objects.filter(parent_id__in=parents).order_by("id").only(*_FIELDS)


def _relative(run: Any) -> Relative:
    return Relative(run.id, run.workflow, run.status, run.parent_wait, run.started_at, run.ended_at)
