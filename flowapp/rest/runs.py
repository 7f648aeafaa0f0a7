"""/v1/runs: reading runs, and the verbs on them. /v1/executions/{id} answers the same."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ninja import Router
from ninja.params import functions
from pydantic import BaseModel, Field

from approvals import queries as approvals
from flowapp.engine import forks, queries, runs
from flowapp.engine.queries import RunDetail, RunRow, StepRow, WaitRow
from flowapp.engine.states import RunStatus
from flowapp.http.access import CHANGERS, SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import invalid
from flowapp.http.requests import Request

from .paging import CURSOR, LIMIT, Page, reading
from .run_filters import Where
from .schemas import Failure, Name, Out, Person, Requester, Text

router = Router(tags=["runs"])
DECISION = ("outcome", "reasoning", "data", "by", "at", "channel", "timed_out")
NO_BODY: Any = functions.Body(None)
WHERE: Any = functions.Query(...)
PART: Any = functions.Query(
    None,
    max_length=36,
    pattern="^[0-9A-Fa-f][0-9A-Fa-f-]*$",
    description="How the run's id begins or ends: of the newest 200 such runs.",
)
FROM_STEP: Any = functions.Query("", max_length=220, description="Its name, or `name#2`.")


class RunSummary(Out):
    """A run in a list."""

    id: UUID
    workflow: str
    version: int
    status: RunStatus
    error: Failure | None
    requester: Requester
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class RunPage(Page[RunSummary]):
    """A page of runs."""


class Step(Out):
    """A step or wait of a run. `output` is null for one over 64 KiB."""

    name: str
    occurrence: int = Field(description="How often this name was used before in the run, from 1.")
    kind: str
    status: str
    attempts: int
    started_at: datetime
    ended_at: datetime | None
    output: Any
    error: Failure | None


class StepPage(Page[Step]):
    """A page of steps."""


class Waiting(Out):
    """Something a run waits for."""

    kind: str
    name: str
    since: datetime
    due_at: datetime | None


class WaitingForPeople(Waiting):
    """A prompt that a run waits for, and who may decide it now."""

    prompt_id: UUID
    assignees: list[str]


class WaitingForItems(Waiting):
    """A map: how many `of` its items are `done`."""

    done: int
    of: int


class RunState(RunSummary):
    """A run without its steps."""

    input: Any
    output: Any
    waiting_on: list[WaitingForPeople | WaitingForItems | Waiting]
    cost_usd: Decimal
    parent_id: UUID | None


class Run(RunState):
    """A run with the first 100 of its steps."""

    steps: list[Step]


class Signal(BaseModel):
    """A named message to a run."""

    name: Name
    data: Any = None


class Reason(BaseModel):
    """Why, for the audit log."""

    reason: Text = Field("", max_length=10_000)


class ForkFrom(BaseModel):
    """The step to run again, with all after it: its name, or `name#2` for its second use."""

    from_step: Name


class RecordedStep(Out):
    """A recorded step or wait."""

    name: str
    occurrence: int
    kind: str
    status: str


class ForkPreview(Out):
    """What a fork would do. `reused` holds the last 100, `again` the first 100; `kinds` counts what runs again."""

    from_step: str
    reused: list[RecordedStep]
    reused_count: int
    again: list[RecordedStep]
    again_count: int
    kinds: dict[str, int]


@router.get("/runs", response=RunPage)
@access(SIGNED_IN)
def list_runs(
    request: Request, where: Where = WHERE, id: str | None = PART, cursor: str | None = CURSOR, limit: int = LIMIT
) -> RunPage:
    """The workspace's runs that fit, newest first."""
    which = where.filter()
    with reading(cursor):
        page = queries.run_page(which, part=id, cursor=cursor, limit=limit)
    return RunPage(items=[_line(row) for row in page.items], next=page.next)


@router.get("/executions/{run_id}", response=Run, operation_id="get_execution")
@router.get("/runs/{run_id}", response=Run)
@access(SIGNED_IN)
def get_run(request: Request, run_id: UUID) -> Run:
    """One run: its first 100 steps, and what it waits for and on whom."""
    return answer(run_id)


@router.get("/runs/{run_id}/steps", response=StepPage)
@access(SIGNED_IN)
def list_steps(request: Request, run_id: UUID, cursor: str | None = CURSOR, limit: int = LIMIT) -> StepPage:
    """All steps of a run in the order of their outcomes; what has none yet comes at the end."""
    with reading(cursor):
        page = queries.step_page(run_id, cursor=cursor, limit=limit)
    return StepPage(items=[step(row) for row in page.items], next=page.next)


@router.post("/executions/{run_id}/signal", response=Run, operation_id="signal_execution")
@router.post("/runs/{run_id}/signal", response=Run)
@access(*CHANGERS)
def signal_run(request: Request, run_id: UUID, message: Signal) -> Run:
    """Send a run a named message; it is kept, in order, until the run takes it."""
    return answer(runs.signal(run_id, message.name, message.data, by=actor_of(request)).id)


@router.post("/runs/{run_id}/cancel", response=Run)
@access(*CHANGERS)
def cancel_run(request: Request, run_id: UUID, why: Reason | None = NO_BODY) -> Run:
    """End a run, its children and its open prompts. A run that has ended stays as it is."""
    return answer(runs.cancel(run_id, by=actor_of(request), reason=why.reason if why else "").id)


@router.post("/runs/{run_id}/pause", response=Run)
@access(*CHANGERS)
def pause_run(request: Request, run_id: UUID) -> Run:
    """Hold a run: what is under way finishes, nothing new begins."""
    return answer(runs.pause(run_id, by=actor_of(request)).id)


@router.post("/runs/{run_id}/resume", response=Run)
@access(*CHANGERS)
def resume_run(request: Request, run_id: UUID) -> Run:
    """Let a paused run go on."""
    return answer(runs.resume(run_id, by=actor_of(request)).id)


@router.post("/runs/{run_id}/retry", response=Run)
@access(*CHANGERS)
def retry_run(request: Request, run_id: UUID) -> Run:
    """Run again what failed or needed attention; what succeeded before is kept."""
    return answer(runs.retry(run_id, by=actor_of(request)).id)


@router.get("/runs/{run_id}/fork", response=ForkPreview)
@access(SIGNED_IN)
def preview_fork(request: Request, run_id: UUID, from_step: str = FROM_STEP) -> ForkPreview:
    """What a fork from a step would reuse and run again. Nothing is done."""
    queries.run_state(run_id)
    if not from_step:
        raise invalid([{"loc": ["from_step"], "msg": "name the step to run again: its name, or name#2"}])
    return ForkPreview.model_validate(forks.preview(run_id, from_step))


@router.post("/runs/{run_id}/fork", response=Run)
@access(*CHANGERS)
def fork_run(request: Request, run_id: UUID, at: ForkFrom) -> Run:
    """A new run with the same input that reuses what was recorded before a step. Answers with the new run."""
    return answer(runs.fork(run_id, at.from_step, by=actor_of(request)).id)


def answer(run_id: UUID) -> Run:
    """The run as it is answered everywhere. Raises RunNotFound."""
    return run_document(queries.run_detail(run_id))


def run_document(detail: RunDetail) -> Run:
    """A run with the first of its steps; who may decide its prompts is read here."""
    return Run(**dict(run_state(detail)), steps=[step(row) for row in detail.steps])


def step(row: StepRow) -> Step:
    """A step; a prompt's output reads as the decision in /v1/prompts does."""
    shown = Step.model_validate(row)
    if row.kind == "prompt" and isinstance(row.output, dict) and "outcome" in row.output:
        decision = row.output | {"by": Person.of(row.output.get("actor"))}
        shown.output = {name: decision.get(name) for name in DECISION}
    return shown


def run_state(detail: RunDetail) -> RunState:
    """A run without its steps; who may decide its prompts is read here."""
    return RunState(
        **dict(_line(detail)),
        input=detail.input,
        output=detail.output,
        waiting_on=_waiting(detail),
        cost_usd=detail.cost_usd,
        parent_id=detail.parent_id,
    )


def _line(run: RunRow | RunDetail) -> RunSummary:
    return RunSummary(
        id=run.id,
        workflow=run.workflow,
        version=run.version,
        status=RunStatus(run.status),
        error=Failure.model_validate(run.error) if run.error else None,
        requester=run.requester,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def _waiting(detail: RunDetail) -> list[WaitingForPeople | WaitingForItems | Waiting]:
    asks = any(wait.kind == "prompt" for wait in detail.waiting_on)
    asked = approvals.asked_of_run(detail.id) if asks else {}
    return [_wait(wait, asked.get(f"{wait.name}#{wait.occurrence}")) for wait in detail.waiting_on]


def _wait(wait: WaitRow, prompt: approvals.PromptView | None) -> WaitingForPeople | WaitingForItems | Waiting:
    # As one signals or publishes it: the wait for signal "paid" is the step "signal:paid".
    name = wait.name.removeprefix(f"{wait.kind}:")
    facts = {"kind": wait.kind, "name": name, "since": wait.since, "due_at": wait.due_at}
    if wait.kind == "map":
        return WaitingForItems.model_validate(facts | wait.detail)
    if prompt is None:
        return Waiting.model_validate(facts)
    # The prompt knows when it escalates or expires; the wait itself has no end.
    due_at = prompt.due_at or wait.due_at
    return WaitingForPeople.model_validate(
        facts | {"due_at": due_at, "prompt_id": prompt.id, "assignees": prompt.assignees}
    )
