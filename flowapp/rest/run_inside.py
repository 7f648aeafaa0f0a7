"""/v1/runs/{id}/log and /children: what stands behind a run's page."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router

from flowapp.engine import queries
from flowapp.engine.reading import relatives
from flowapp.engine.verbs import output
from flowapp.http.access import SIGNED_IN, access
from flowapp.http.requests import Request

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Out

router = Router(tags=["runs"])


class LogLine(Out):
    """A line that the workflow's body (`step` is empty) or a step logged."""

    at: datetime
    level: str
    logger: str
    step: str
    occurrence: int
    attempt: int
    message: str
    fields: dict[str, Any]


class LogPage(Page[LogLine]):
    """A page of a log, oldest first."""


class Child(Out):
    """A child run; `step` is its parent's wait for it, as `name#2`."""

    id: UUID
    workflow: str
    status: str
    step: str
    started_at: datetime | None
    ended_at: datetime | None


class ChildPage(Page[Child]):
    """A page of children, in the order of their starts."""


@router.get("/runs/{run_id}/log", response=LogPage)
@access(SIGNED_IN)
def list_log(request: Request, run_id: UUID, cursor: str | None = CURSOR, limit: int = LIMIT) -> LogPage:
    """What a run logged; a line is there a moment after it was said."""
    with reading(cursor):
        lines, following = output.line_page(run_id, cursor=cursor, limit=limit)
    return LogPage(items=[LogLine.model_validate(line) for line in lines], next=following)


@router.get("/runs/{run_id}/children", response=ChildPage)
@access(SIGNED_IN)
def list_children(request: Request, run_id: UUID, cursor: str | None = CURSOR, limit: int = LIMIT) -> ChildPage:
    """The child runs of a run."""
    queries.run_state(run_id)
    with reading(cursor):
        children, following = relatives.children(run_id, cursor=cursor, limit=limit)
    return ChildPage(items=[Child.model_validate(child) for child in children], next=following)
