"""/v1/retention: what happens to runs that ended long ago; /v1/archived-runs: those that were archived."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router
from pydantic import BaseModel, Field

from flowapp.engine.upkeep import retention
from flowapp.http.access import SIGNED_IN, WORKSPACE_KEY, access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.tenancy.models import Role

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Out

router = Router(tags=["runs"])


class RetentionPolicy(BaseModel):
    """`days` after their end runs are archived, or deleted; null keeps every run."""

    days: int | None = Field(ge=1, le=retention.LONGEST)
    archive: bool = True


class RetentionState(RetentionPolicy, Out):
    """The policy, and when it was last changed."""

    updated_at: datetime | None


class ArchivedRun(Out):
    """An archived run in a list."""

    id: UUID
    workflow: str
    status: str
    created_at: datetime
    ended_at: datetime
    archived_at: datetime


class ArchivedRunPage(Page[ArchivedRun]):
    """A page of archived runs."""


@router.get("/retention", response=RetentionState)
@access(Role.OWNER, Role.ADMIN, WORKSPACE_KEY)
def get_retention(request: Request) -> RetentionState:
    """The workspace's retention policy."""
    return RetentionState.model_validate(retention.policy())


@router.put("/retention", response=RetentionState)
@access(Role.OWNER, Role.ADMIN)
def put_retention(request: Request, policy: RetentionPolicy) -> RetentionState:
    """Change the retention policy. It is applied within a minute, batch by batch."""
    changed = retention.set_policy(days=policy.days, archive=policy.archive, by=actor_of(request))
    return RetentionState.model_validate(changed)


@router.get("/archived-runs", response=ArchivedRunPage)
@access(SIGNED_IN)
def list_archived_runs(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> ArchivedRunPage:
    """Archived runs, newest first."""
    with reading(cursor):
        rows, following = retention.archived_page(cursor=cursor, limit=limit)
    return ArchivedRunPage(items=[ArchivedRun.model_validate(row) for row in rows], next=following)


@router.get("/archived-runs/{run_id}", response=dict[str, Any])
@access(SIGNED_IN)
def get_archived_run(request: Request, run_id: UUID) -> dict[str, Any]:
    """An archived run whole: what went in and came out, every step, its log."""
    return retention.archived(run_id)
