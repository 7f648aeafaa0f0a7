"""The public reads of the engine: one run in full, pages of runs, pages of steps. The workspace in scope only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, QuerySet

from . import codec, failures
from .errors import RunNotFound
from .models import READY, UNANSWERED, Attempt, Checkpoint, Run, Wait, Worker
from .reading import held, naming, progress, search
from .reading.search import EVERY, Filter
from .states import TERMINAL, RunStatus, StepStatus

STEPS_SHOWN = 100
WAITS_SHOWN = 500
HIDDEN_KINDS = ("patch", "stream")  # recorded as steps are, but no steps to people
SHOWN_BYTES = 64 * 1024  # a larger payload is not put into lists


@dataclass(frozen=True, slots=True)
class Page[T]:
    """A page of a list; `next` is the cursor of the following one, or None."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt of a step that failed or is under way."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step or wait of a run, as people see it."""

    name: str
    occurrence: int
    kind: str
    status: str
    attempts: int
    started_at: datetime
    ended_at: datetime | None
    input: Any = None
    output: Any = None
    error: dict[str, Any] | None = None
    frames: list[str] = field(default_factory=list)
    tries: list[AttemptRow] = field(default_factory=list)
    seq: int | None = None  # its place in the order of outcomes, once it has one


@dataclass(frozen=True, slots=True)
class WaitRow:
    """What a run waits for. Rooms above add to `detail` (a prompt's id and assignees)."""

    kind: str
    name: str
    occurrence: int
    since: datetime
    due_at: datetime | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event that a run took in answer to a wait, or sent."""

    name: str
    sent: bool
    data: Any
    at: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list."""

    id: UUID
    workflow: str
    version: int
    status: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    requester: dict[str, Any] | None
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run with the first of its steps and everything it waits for."""

    id: UUID
    workspace_id: UUID
    workflow: str
    version: int
    status: str
    input: Any
    output: Any
    error: dict[str, Any] | None
    frames: list[str]
    steps: list[StepRow]
    waiting_on: list[WaitRow]
    cost_usd: Decimal
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    requester: dict[str, Any] | None
    parent_id: UUID | None


def run_detail(run_id: UUID, *, steps: bool = True) -> RunDetail:
    """One run in full, its steps only if wanted. Raises RunNotFound, for another workspace's run too."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    waits = _open_waits(run_id)
    return RunDetail(
        id=run.id,
        workspace_id=run.workspace_id,
        workflow=run.workflow,
        version=run.version,
        status=run.status,
        input=codec.plain(run.input),
        output=failures.shown(run.output),
        error=failures.public(run.error),
        frames=(run.error or {}).get("frames", []),
        steps=_first_steps(run, waits) if steps else [],
        waiting_on=_held_back(run) or [*_maps_inside(run), *map(_wait_row, waits)],
        cost_usd=Decimal(0),
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        requester=run.requester,
        parent_id=run.parent_id,
    )


def run_page(
    where: Filter = EVERY, *, part: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page[RunRow]:
    """Runs, newest first; with `part` those whose id begins or ends so. Raises ValueError for a strange cursor."""
    if part is not None:
        where = replace(where, ids=naming.named(part))
    runs = search.newest(where, before=UUID(cursor) if cursor else None).only(
        "id", "workflow", "version", "status", "created_at", "started_at", "ended_at", "requester", "error"
    )
    found = list(runs[: limit + 1])
    rows = [run_row(run) for run in found[:limit]]
    return Page(rows, str(rows[-1].id) if len(found) > limit else None)


def run_row(run: Run) -> RunRow:
    """A run as lists show it."""
    return RunRow(
        run.id,
        run.workflow,
        run.version,
        run.status,
        run.created_at,
        run.started_at,
        run.ended_at,
        run.requester,
        failures.public(run.error),
    )


def count(where: Filter, *, upto: int) -> int:
    """How many runs a filter holds, counted to `upto` and no further."""
    return search.runs(where).order_by().values("id")[:upto].count()


def run_state(run_id: UUID) -> RunRow:
    """A run without its payloads and steps. Raises RunNotFound, for another workspace's run too."""
    run = Run.objects.filter(pk=run_id).defer("input", "output", "search").first()
    if run is None:
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    return run_row(run)


def step_page(
    run_id: UUID, *, cursor: str | None = None, limit: int = STEPS_SHOWN, shown: bool = False
) -> Page[StepRow]:
    """The recorded steps of a run in the order of their outcomes; the last page ends with what is open.

    With `shown` without what a waterfall leaves out: a stream's chunks, and markers of code changes.
    """
    run = Run.objects.filter(pk=run_id).only("id", "status").first()
    if run is None:
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    after = int(cursor) if cursor else 0
    found = _rows_at(run_id, _places(run_id, shown=shown).filter(seq__gt=after), limit + 1)
    rows = found[:limit]
    tries = _tries(run_id, rows)
    steps = [_recorded_row(row, tries) for row in rows]
    if len(found) > limit:
        return Page(steps, str(rows[-1].seq))
    return Page(steps + _open_rows(run, _open_waits(run_id), tries), None)


def shown_steps(run_id: UUID) -> int:
    """How many recorded steps a run's waterfall has, over all its pages."""
    return _places(run_id, shown=True).count()


def last_step_page(run_id: UUID, limit: int = STEPS_SHOWN) -> str | None:
    """The cursor of the page with the last of a run's recorded steps; None when there is but one page."""
    before = _places(run_id, shown=True).order_by("-seq").values_list("seq", flat=True)[limit : limit + 1]
    return next((str(seq) for seq in before), None)


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Chunks of a stream; `next` is the offset to read on from, `ended` whether more can come."""

    chunks: list[Any]
    next: int
    ended: bool


def stream(run_id: UUID, name: str, *, after: int = 0, limit: int = STEPS_SHOWN) -> StreamPage:
    """The chunks of a run's stream from an offset on (how many were read before). Raises RunNotFound."""
    run = Run.objects.filter(pk=run_id).only("status").first()  # before the chunks: none can follow an end seen here
    if run is None:
        raise RunNotFound(f"there is no run {run_id} in this workspace")
    stored = Checkpoint.objects.filter(run_id=run_id, name=f"stream:{name}", kind="stream", occurrence__gt=after)
    # A gap is a chunk whose commit is still under way: what follows it waits for it.
    found = dict(stored.order_by("occurrence").values_list("occurrence", "output")[: limit + 1])
    chunks: list[Any] = []
    while (at := after + len(chunks) + 1) in found and len(chunks) < limit:
        chunks.append(codec.plain(found[at]))
    more = len(found) > len(chunks)
    return StreamPage(chunks, after + len(chunks), run.status in TERMINAL and not more)


def run_events(run_id: UUID) -> list[EventRow]:
    """The first 100 events that a run took or sent, in its order."""
    rows = _recorded(run_id).filter(kind="event", status=StepStatus.COMPLETED)[:STEPS_SHOWN]
    return [event for row in rows if (event := _event(row)) is not None]


def _event(row: Checkpoint) -> EventRow | None:
    verb, _, name = row.name.partition(":")
    if verb == "send":
        called = _shown(row.input)  # the arguments of the step that publishes: name, data
        return EventRow(name, True, called and called[0][1], row.ended_at)
    taken = _shown(row.output)  # None: the wait ended without one
    return taken and EventRow(taken["name"], False, taken["data"], row.ended_at)


def statuses(run_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The statuses of several runs at once."""
    return dict(Run.objects.filter(id__in=list(run_ids)).values_list("id", "status"))


def changed_since(since: datetime, limit: int = 500) -> list[tuple[UUID, datetime]]:
    """The runs that changed since then, and when; for processes that are not told."""
    changed = Run.objects.filter(updated_at__gte=since).order_by("updated_at")
    return list(changed.values_list("id", "updated_at")[:limit])


def workers() -> list[Worker]:
    """The registered workers, newest heartbeat first."""
    return list(Worker.objects.order_by("-heartbeat_at")[:100])


def running_count() -> dict[str, int]:
    """How many runs stand in each live status."""
    live = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.NEEDS_ATTENTION)
    return {status.value: Run.objects.filter(status=status).count() for status in live}


def _recorded(run_id: UUID) -> QuerySet[Checkpoint]:
    return Checkpoint.objects.filter(run_id=run_id).order_by("seq")


def _places(run_id: UUID, *, shown: bool) -> QuerySet[Checkpoint]:
    """A run's recorded steps, of which only what stands in their key may be asked: name, occurrence, seq and kind.

    So PostgreSQL finds a page of ten thousand steps in the key alone. The workspace is no part of it: its run says it.
    """
    found = Checkpoint.unscoped.filter(Exists(Run.objects.filter(pk=run_id)), run_id=run_id)
    return found.exclude(kind__in=HIDDEN_KINDS) if shown else found


def _rows_at(run_id: UUID, places: QuerySet[Checkpoint], limit: int) -> list[Checkpoint]:
    """The first rows of these places of a run, in the order of their outcomes."""
    keys = places.order_by("seq").values("pk")[:limit]
    return list(_recorded(run_id).filter(pk__in=keys))


def _open_waits(run_id: UUID) -> list[Wait]:
    """What a run waits for, oldest first; the batches of a map count as one."""
    rows = Wait.objects.filter(UNANSWERED, run_id=run_id).order_by("since", "name", "occurrence")
    return progress.folded(run_id, rows[:WAITS_SHOWN])


def _first_steps(run: Run, waits: Sequence[Wait]) -> list[StepRow]:
    rows = _rows_at(run.id, _places(run.id, shown=False), STEPS_SHOWN)
    tries = _tries(run.id, rows)
    steps = [_recorded_row(row, tries) for row in rows]
    return steps + _open_rows(run, waits, tries) if len(rows) < STEPS_SHOWN else steps


type _Tries = dict[tuple[str, int], list[AttemptRow]]


def _tries(run_id: UUID, rows: Sequence[Checkpoint]) -> _Tries:
    """Failed and running attempts of a run by step; few exist, so all are read at once."""
    tries: _Tries = {}
    for row in Attempt.objects.filter(run_id=run_id).order_by("name", "occurrence", "number")[:1000]:
        attempt = AttemptRow(row.number, row.started_at, row.ended_at, failures.public(row.error))
        tries.setdefault((row.name, row.occurrence), []).append(attempt)
    return tries


def _recorded_row(row: Checkpoint, tries: _Tries) -> StepRow:
    return StepRow(
        name=row.name,
        occurrence=row.occurrence,
        kind=row.kind,
        status=row.status,
        attempts=row.attempts,
        started_at=row.started_at,
        ended_at=row.ended_at,
        input=_shown(row.input),
        output=_shown(row.output),
        error=failures.public(row.error),
        frames=(row.error or {}).get("frames", []),
        tries=tries.pop((row.name, row.occurrence), []),
        seq=row.seq,
    )


def _open_rows(run: Run, waits: Iterable[Wait], tries: _Tries) -> list[StepRow]:
    """What has no outcome yet: open waits, steps between attempts, steps that run long."""
    done = {(row.name, row.occurrence) for row in _recorded(run.id).filter(name__in={key[0] for key in tries})}
    rows = [_open_row(wait, tries.pop((wait.name, wait.occurrence), [])) for wait in waits]
    if run.status != RunStatus.RUNNING:
        return rows
    for (name, occurrence), attempts in tries.items():
        if (name, occurrence) not in done:
            number, started = attempts[-1].number, attempts[0].started_at
            row = StepRow(name, occurrence, "step", StepStatus.RUNNING, number, started, None, tries=attempts)
            rows.append(row)
    return rows


def _open_row(wait: Wait, tries: list[AttemptRow]) -> StepRow:
    status = StepStatus.RETRYING if wait.kind == "retry" else StepStatus.WAITING
    kind = "step" if wait.kind == "retry" else wait.kind
    started = tries[0].started_at if tries else wait.since
    return StepRow(wait.name, wait.occurrence, kind, status, max(1, len(tries)), started, None, tries=tries)


def _held_back(run: Run) -> list[WaitRow]:
    """What flow control lets a queued run wait for."""
    rule = held.reason(run)
    return [WaitRow("limit", rule[0], 1, run.updated_at, rule[1], {})] if rule else []


def _maps_inside(run: Run) -> list[WaitRow]:
    """The maps whose items run inside a running run."""
    return [
        WaitRow(progress.MAP, one.name, one.first, one.since, None, {"done": done, "of": one.of})
        for one, done in progress.inside(run)
    ]


def _wait_row(wait: Wait) -> WaitRow:
    return WaitRow(wait.kind, wait.name, wait.occurrence, wait.since, wait.due_at, wait.detail)


def _shown(stored: codec.Stored | None) -> Any:
    return None if stored is None or len(stored) > SHOWN_BYTES else failures.shown(stored)


def ready_queues(queues: Sequence[str]) -> dict[str, int]:
    """How many runs lie ready in each of these queues, over all workspaces."""
    ready = Run.unscoped.filter(READY, queue__in=queues)
    return dict(ready.values("queue").annotate(count=Count("id")).values_list("queue", "count"))
