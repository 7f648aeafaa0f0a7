"""Workspaces take turns; whose turn it is gives it to its run of the highest priority, the oldest among equals.

Whoever stood at the place of that turn and has to wait takes the place of the one that overtook it, so that its
workspace comes exactly as often as before. Its place then no longer says when it is its turn (`overtaken`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from uuid import UUID

from django.db import connection, models

from flowapp.engine.models import ORDERED, READY, Run


def matter(ready: models.QuerySet[Run], queues: Sequence[str]) -> bool:
    """Whether anybody stands in this line, of these queues, whose place alone does not say when it is its turn."""
    first = ready.filter(ORDERED).order_by("queue", "workspace_id", "-priority", "id")  # so that its index is used
    lines = [first.filter(queue=queue) for queue in queues] or [first]
    return any(line.values_list("id", flat=True)[:1] for line in lines)


def locked(runs: models.QuerySet[Run]) -> models.QuerySet[Run]:
    """These runs without those that somebody else holds, held until the transaction ends."""
    if connection.vendor != "postgresql":
        return runs  # SQLite has one writer at a time
    return runs.select_for_update(skip_locked=True, no_key=True)


def given(places: Sequence[UUID], ready: models.QuerySet[Run], queues: Sequence[str]) -> list[UUID]:
    """Who is to go, at the turns of these runs of the line `ready`, of these queues, which the caller has locked."""
    rows = Run.unscoped.filter(id__in=places).only("id", "workspace_id", "priority", "rank", "vtime")
    by_id = {run.id: run for run in rows}
    lanes: dict[UUID, list[Run]] = defaultdict(list)
    for id_ in places:
        if by_id[id_].rank >= 0:  # the runs of a lost worker go before all others
            lanes[by_id[id_].workspace_id].append(by_id[id_])
    queues = queues or _queues()
    going = {workspace_id: deque(_highest(turns, ready, queues)) for workspace_id, turns in lanes.items()}
    return [going[by_id[id_].workspace_id].popleft() if by_id[id_].rank >= 0 else id_ for id_ in places]


def _queues() -> list[str]:
    """The queues in which anybody stands like that: as many looks as there are."""
    first = Run.unscoped.filter(READY, ORDERED).order_by("queue", "workspace_id", "-priority", "id")
    found: list[str] = []
    while names := first.filter(queue__gt=found[-1] if found else "").values_list("queue", flat=True)[:1]:
        found.append(names[0])
    return found


def _highest(turns: list[Run], ready: models.QuerySet[Run], queues: Sequence[str]) -> list[UUID]:
    """The runs of a workspace that take these turns of it, the first first.

    Only these are held: whoever else was looked at is free for those who claim at the same time.
    """
    rows = ready.filter(workspace_id=turns[0].workspace_id, rank=0).only("id", "priority", "vtime")
    others = rows.exclude(id__in=[run.id for run in turns])
    while True:
        going = _choice(turns, others, queues)
        wanted = {run.id for run in going} - {run.id for run in turns}
        held = {run.id: run for run in locked(rows.filter(id__in=wanted))} if wanted else {}
        if len(held) == len(wanted):
            break
        others = others.exclude(id__in=wanted - held.keys())  # another claim has them
    going = [held.get(run.id, run) for run in going]  # as they stand now that nobody else can move them
    _change_places(turns, going)
    return [run.id for run in going]


def _choice(turns: list[Run], others: models.QuerySet[Run], queues: Sequence[str]) -> list[Run]:
    count = len(turns)
    ordered = others.filter(ORDERED).order_by("-priority", "id")
    # Queue by queue, each by its stretch of the index: one look at several would sort all that stands there.
    going = _first(count, [*turns, *(run for queue in queues for run in ordered.filter(queue=queue)[:count])])
    if any(run.priority < 0 for run in going):  # then those without a priority come before it
        plain = others.filter(~ORDERED).order_by("vtime", "id")
        going = _first(count, [*going, *turns, *plain[:count]])
    return going


def _first(count: int, runs: list[Run]) -> list[Run]:
    return sorted({run.id: run for run in runs}.values(), key=lambda run: (-run.priority, run.id))[:count]


def _change_places(turns: list[Run], going: list[Run]) -> None:
    staying = _first(len(turns), [run for run in turns if run.id not in {one.id for one in going}])
    free = sorted(run.vtime for run in going if run.id not in {one.id for one in turns})
    for run, place in zip(staying, free, strict=True):
        run.vtime, run.overtaken = place, True
    Run.unscoped.bulk_update(staying, ["vtime", "overtaken"])
