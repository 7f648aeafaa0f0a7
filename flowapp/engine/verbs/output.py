"""What a run says while it runs: the lines it logged and the streams it writes, as its page and API show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max

from flowapp.engine import queries, registry
from flowapp.engine.errors import RunNotFound
from flowapp.engine.models import Checkpoint, LogLine, Run

LINES_SHOWN = 200
CHUNKS_SHOWN = 200
CARRIED_SHOWN = 1000  # runs that carry steps and items, whose lines are looked for


@dataclass(frozen=True, slots=True)
class Line:
    """A logged line; `step` is empty for what the workflow's body logged."""

    id: int
    at: datetime
    level: str
    logger: str
    step: str
    occurrence: int
    attempt: int
    message: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StreamTail:
    """The end of a stream: its last chunks, and how many came before them. `text` is set when all are text."""

    name: str
    before: int
    chunks: list[Any]
    text: str | None


def lines(run_id: UUID, *, before: int | None = None, limit: int = LINES_SHOWN) -> tuple[list[Line], int | None]:
    """The last lines of a run's log, oldest first, and from where to read on backwards."""
    carried = _carried(run_id)
    found = LogLine.objects.filter(run_id__in=[run_id, *carried]).order_by("-id")
    page = list((found.filter(id__lt=before) if before else found)[: limit + 1])
    shown = [_line(row, carried) for row in reversed(page[:limit])]
    return shown, shown[0].id if len(page) > limit else None


def line_page(run_id: UUID, *, cursor: str | None = None, limit: int = 50) -> tuple[list[Line], str | None]:
    """The log of a run from its beginning, page by page. Raises RunNotFound, ValueError for a strange cursor."""
    if not Run.objects.filter(pk=run_id).exists():
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    carried = _carried(run_id)
    found = LogLine.objects.filter(run_id__in=[run_id, *carried], id__gt=int(cursor or 0)).order_by("id")
    page = [_line(row, carried) for row in found[: limit + 1]]
    return page[:limit], str(page[limit - 1].id) if len(page) > limit else None


def _carried(run_id: UUID) -> dict[UUID, str]:
    """The small runs that carry this one's steps and items on queues, each with the wait for it: what they log is this
    run's."""
    below = Run.objects.filter(parent_id=run_id, workflow__in=registry.own()).order_by("id")
    return dict(below.values_list("id", "parent_wait")[:CARRIED_SHOWN])


def _line(row: LogLine, carried: Mapping[UUID, str]) -> Line:
    name, _, count = carried.get(row.run_id, "").rpartition("#")
    occurrence = int(count) if name and name == row.step else row.occurrence  # as its parent counts the step
    return Line(row.id, row.at, row.level, row.logger, row.step, occurrence, row.attempt, row.message, row.fields)


def streams(run_id: UUID, *, limit: int = CHUNKS_SHOWN) -> list[StreamTail]:
    """The run's streams, each with its end."""
    own = Exists(Run.objects.filter(pk=run_id))  # the workspace's; so of the rows only the key is read
    written = Checkpoint.unscoped.filter(own, run_id=run_id, kind="stream").order_by("name")
    last = written.values("name").annotate(last=Max("occurrence")).values_list("name", "last")[:20]
    return [_tail(run_id, name.removeprefix("stream:"), max(0, count - limit), limit) for name, count in last]


def _tail(run_id: UUID, name: str, before: int, limit: int) -> StreamTail:
    chunks = queries.stream(run_id, name, after=before, limit=limit).chunks
    text = "".join(chunks) if all(isinstance(chunk, str) for chunk in chunks) else None
    return StreamTail(name, before, chunks, text)
