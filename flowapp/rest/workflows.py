"""/v1/workflows: what is registered here, and starting it."""

from typing import Any

from django.http import HttpResponse
from ninja import Router
from pydantic import BaseModel, Field

from flowapp.engine import registry, runs
from flowapp.engine.durations import Duration, seconds
from flowapp.engine.errors import InvalidInput
from flowapp.engine.limits import FlowControl
from flowapp.engine.registry import WorkflowDefinition
from flowapp.engine.triggers import Cron, Event, Webhook
from flowapp.http.access import CHANGERS, SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import invalid
from flowapp.http.requests import Request

from .paging import CURSOR, LIMIT, Page
from .runs import Run, answer
from .schemas import Name

router = Router(tags=["workflows"])


class Workflow(BaseModel):
    """A workflow: its newest version in full, and which others run here."""

    name: str
    version: int
    versions: list[int]
    description: str
    input_schema: dict[str, Any] = Field(description="JSON Schema of the input.")
    triggers: list[dict[str, Any]] = Field(description="What starts it besides this API.")
    control: dict[str, Any] | None = Field(description="Its flow control: the rules it declares, as it writes them.")


class WorkflowPage(Page[Workflow]):
    """A page of workflows."""


class Start(BaseModel):
    """What to run: the input as the workflow's schema says."""

    input: Any = None
    idempotency_key: Name | None = None
    version: int | None = Field(None, ge=1, description="The newest unless given.")


@router.get("/workflows", response=WorkflowPage)
@access(SIGNED_IN)
def list_workflows(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> WorkflowPage:
    """The registered workflows, by name."""
    names = sorted({definition.name for definition in registry.offered() if definition.name > (cursor or "")})
    shown = names[:limit]
    return WorkflowPage(items=[_workflow(name) for name in shown], next=shown[-1] if len(names) > limit else None)


@router.get("/workflows/{name}", response=Workflow)
@access(SIGNED_IN)
def get_workflow(request: Request, name: str) -> Workflow:
    """One workflow, with the JSON Schema of its input."""
    return _workflow(name)


@router.post("/workflows/{name}/run", response={202: Run})
@access(*CHANGERS)
def start_run(request: Request, response: HttpResponse, name: str, what: Start) -> Run:
    """Start a run. With an `idempotency_key`, asking again gives the same run; with other input, 409."""
    try:
        run = runs.start(
            name, what.input, by=actor_of(request), idempotency_key=what.idempotency_key, version=what.version
        )
    except InvalidInput as error:
        raise invalid([{"loc": ["input", *one["loc"]], "msg": one["msg"]} for one in error.errors]) from None
    response["Location"] = f"/v1/runs/{run.id}"
    return answer(run.id)


def _workflow(name: str) -> Workflow:
    newest: WorkflowDefinition[Any, Any] = registry.find(name)
    return Workflow(
        name=newest.name,
        version=newest.version,
        versions=[definition.version for definition in registry.all() if definition.name == name],
        description=newest.doc,
        input_schema=newest.input_schema(),
        triggers=[_trigger(one) for one in newest.triggers],
        control=_rules(newest.control) if newest.control else None,
    )


def _trigger(trigger: Event | Webhook | Cron) -> dict[str, Any]:
    if isinstance(trigger, Event):
        return {"kind": "event", "name": trigger.name, "when": trigger.when}
    if isinstance(trigger, Webhook):
        return {"kind": "webhook", "slug": trigger.slug, "when": trigger.when}
    return {"kind": "cron", "expression": trigger.expression, "tz": trigger.tz, "missed": trigger.missed}


def _rules(control: FlowControl) -> dict[str, Any]:
    """The rules that are set."""
    plain = {name: getattr(control, name) for name in ("concurrency", "key", "rate", "priority", "singleton")}
    durations = {name: _duration(getattr(control, name)) for name in ("throttle", "debounce", "debounce_max")}
    batch = control.batch and {"size": control.batch.size, "age": _duration(control.batch.age)}
    return {name: rule for name, rule in (plain | durations | {"batch": batch}).items() if rule is not None}


def _duration(value: Duration | None) -> str | None:
    return value if value is None or isinstance(value, str) else f"{seconds(value):g}s"
