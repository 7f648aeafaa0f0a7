"""The log of a run: what its body and steps logged, by any logger, kept with the run.

Lines are for looking, not for continuing: they are buffered and written every moment by a thread of the worker, so a
kill loses the last of them. Nothing here may slow down or fail what is being logged.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import DataError
from pydantic_core import PydanticSerializationError, from_json, to_json

from flowapp.engine import clock, registry, signals, whereabouts
from flowapp.engine.whereabouts import Whereabouts

if TYPE_CHECKING:
    from flowapp.engine.models import LogLine

logger = logging.getLogger("flowapp.engine")
BUFFER: Final = 20_000  # lines that wait to be written; what comes on top is dropped
LINES_A_RUN: Final = 10_000
LONGEST: Final = 10_000  # characters of a message
_BATCH: Final = 1_000
_FULL = f"The log of this run is full ({LINES_A_RUN:,} lines); what it logs from here on is not kept."
_NOT_OURS: Final = ("flowapp.engine", "flowapp.dispatch", "django.db")  # the machinery's own words
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_KNOWN: Final = _STANDARD | {"run_id", "workflow", "request"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line that waits to be written."""

    where: Whereabouts
    at: datetime
    level: str
    logger: str
    message: str
    fields: dict[str, Any]


_lines: deque[Line] = deque()


class RunHandler(logging.Handler):
    """Takes the records that code of a run makes."""

    def emit(self, record: logging.LogRecord) -> None:
        where = whereabouts.here()
        if where is None or record.name.startswith(_NOT_OURS) or len(_lines) >= BUFFER:
            return
        if getattr(record, "flowapp_kept", False):  # it came through a second logger with this handler
            return
        record.flowapp_kept = True
        try:
            _lines.append(_line(record, where))
        except Exception:
            self.handleError(record)


def _line(record: logging.LogRecord, where: Whereabouts) -> Line:
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + logging.Formatter().formatException(record.exc_info)
    more = {name: value for name, value in vars(record).items() if name not in _KNOWN and name != "flowapp_kept"}
    fields = {_storable(name): _field(value) for name, value in more.items()}
    name = _storable(record.name)[:100]
    return Line(where, clock.now(), record.levelname[:10], name, _storable(message)[:LONGEST], fields)


def _field(value: Any) -> Any:
    """A value as any database stores it: its text, where it is no JSON, holds odd characters or is long."""
    try:
        plain = to_json(value, fallback=str, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError):
        return _storable(str(value))[:LONGEST]
    if len(plain) > LONGEST or b"\\u0000" in plain:
        return _storable(str(value))[:LONGEST]
    return from_json(plain)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def flush() -> int:
    """Write what waits; returns how many lines. A database that is away keeps them waiting."""
    taken = [_lines.popleft() for _ in range(min(len(_lines), _BATCH))]
    if not taken:
        return 0
    try:
        _write(taken)
    except (DataError, TypeError, ValueError):
        logger.exception("%d lines of runs' logs cannot be stored", len(taken))  # nor ever: others wait behind them
        return len(taken)
    except Exception:
        _lines.extendleft(reversed(taken[: BUFFER - len(_lines)]))
        raise
    for workspace_id, run_id in {(line.where.workspace_id, line.where.run_id) for line in taken} | _carried_for(taken):
        signals.announce(workspace_id, "run", str(run_id))
    return len(taken)


def _carried_for(lines: Sequence[Line]) -> set[tuple[UUID, UUID]]:
    """The runs, with their workspaces, whose steps on queues said some of this: their logs show it."""
    from flowapp.engine.models import Run

    own = registry.own()
    carrying = {line.where.run_id for line in lines if line.where.workflow in own}
    if not carrying:
        return set()
    parents = Run.unscoped.filter(id__in=carrying, parent_id__isnull=False).values_list("workspace_id", "parent_id")
    return {(workspace_id, parent_id) for workspace_id, parent_id in parents if parent_id is not None}


def _write(lines: Sequence[Line]) -> None:
    from django.db.models import Count

    from flowapp.engine.models import LogLine

    stored = LogLine.unscoped.filter(run_id__in={line.where.run_id for line in lines})
    counts = Counter(dict(stored.values("run_id").annotate(n=Count("id")).values_list("run_id", "n")))
    LogLine.unscoped.bulk_create(list(_rows(lines, counts)))


def _rows(lines: Sequence[Line], counts: Counter[UUID]) -> Iterator[LogLine]:
    from flowapp.engine.models import LogLine

    for line in lines:
        where = line.where
        counts[where.run_id] += 1
        if counts[where.run_id] > LINES_A_RUN:
            continue
        full = counts[where.run_id] == LINES_A_RUN
        yield LogLine(
            workspace_id=where.workspace_id,
            run_id=where.run_id,
            at=line.at,
            level="WARNING" if full else line.level,
            logger=line.logger,
            step=where.step,
            occurrence=where.occurrence,
            attempt=where.attempt,
            message=_FULL if full else line.message,
            fields={} if full else line.fields,
        )
