"""What a run says while it runs: the lines it logged and the streams it writes, as its page and API show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max

from flowapp.engine import clock, queries, registry
from flowapp.engine.errors import RunNotFound
from flowapp.engine.models import Checkpoint, LogLine, Run

LINES_SHOWN = 200
CHUNKS_SHOWN = 200
CARRIED_SHOWN = 1000  # runs that carry steps and items, whose lines are looked for
# What is younger may be followed by lines before it: several workers write them, each in a transaction of its own.
UNSETTLED = timedelta(seconds=2)
_LEFT_OUT = (
    "This run has sent steps and items to queues in more than {:,} runs. What the later of these logged is not shown "
    "here, but with each of them, below its own step."
)


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
    carried, all_ = _carried(run_id)
    found = LogLine.objects.filter(run_id__in=[run_id, *carried]).order_by("-id")
    page = list((found.filter(id__lt=before) if before else found)[: limit + 1])
    shown = [_line(row, carried) for row in reversed(page[:limit])]
    return shown if all_ else _saying_so(shown), shown[0].id if len(page) > limit else None


def line_page(
    run_id: UUID, *, cursor: str | None = None, limit: int = 50, settled: bool = False
) -> tuple[list[Line], str | None]:
    """The log of a run from its beginning, page by page. Raises RunNotFound, ValueError for a strange cursor.

    `settled` is for who goes on from the last line it was given: none is given that an earlier one may follow yet, and
    a page that is short for that has a next one.
    """
    if not Run.objects.filter(pk=run_id).exists():
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    since = int(cursor or 0)
    carried, all_ = _carried(run_id)
    found = LogLine.objects.filter(run_id__in=[run_id, *carried], id__gt=since).order_by("id")
    page = [_line(row, carried) for row in found[: limit + 1]]
    following = str(page[limit - 1].id) if len(page) > limit else None
    if settled and carried:
        until = clock.now() - UNSETTLED
        old = list(takewhile(lambda line: line.at <= until, page))
        if len(old) < min(len(page), limit):
            page, following = old, str(old[-1].id if old else since)
    return page[:limit] if all_ or since else _saying_so(page[:limit]), following


def _carried(run_id: UUID) -> tuple[dict[UUID, str], bool]:
    """The small runs that carry this one's steps and items on queues, each with the wait for it: what they log is this
    run's. And whether these are all."""
    below = Run.objects.filter(parent_id=run_id, workflow__in=registry.own()).order_by("id")
    found = list(below.values_list("id", "parent_wait")[: CARRIED_SHOWN + 1])
    return dict(found[:CARRIED_SHOWN]), len(found) <= CARRIED_SHOWN


def _saying_so(lines: list[Line]) -> list[Line]:
    """These lines, with one before them that says that others are left out."""
    message = _LEFT_OUT.format(CARRIED_SHOWN)
    told = [replace(one, level="WARNING", logger="flowapp", step="", message=message, fields={}) for one in lines[:1]]
    return told + lines


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
