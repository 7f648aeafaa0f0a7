"""/v1/runs/bulk: one verb on every run of a filter, worked through in the background, with a result for each."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Router, Status
from ninja.params import functions
from pydantic import BaseModel, Field

from flowapp.engine import queries
from flowapp.engine.upkeep import bulk
from flowapp.http.access import SIGNED_IN, WORKSPACE_KEY, access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.tenancy.models import Role

from .paging import CURSOR, LIMIT, Page, reading
from .run_filters import Where
from .schemas import Out, Person, Text

router = Router(tags=["runs"])
MANAGERS = (Role.OWNER, Role.ADMIN, Role.MANAGER, WORKSPACE_KEY)
COUNTED = 100_000
REFUSED: Any = functions.Query(False, description="Only those that did not take the verb.")


class BulkVerb(BaseModel):
    """What to do with which runs. With `dry_run` nothing is done; the answer says how many runs it would be."""

    verb: Literal["retry", "cancel"]
    where: Where = Where()
    reason: Text = Field("", max_length=10_000, description="Why, for the audit log.")
    dry_run: bool = False


class BulkJob(Out):
    """A bulk verb and how far it is. `total` is how many runs the filter held when it began, and took in since."""

    id: UUID | None = Field(description="Null for a dry run.")
    verb: str
    where: dict[str, Any]
    reason: str
    by: Person | None
    status: Literal["running", "completed", "stopped", "dry-run"]
    total: int
    succeeded: int
    refused: int
    created_at: datetime | None
    ended_at: datetime | None


class BulkJobPage(Page[BulkJob]):
    """A page of bulk jobs."""


class BulkResult(Out):
    """What became of one run; `message` says why it did not take the verb."""

    run_id: UUID
    done: bool
    message: str


class BulkResultPage(Page[BulkResult]):
    """A page of results, in the order of the runs' starts."""


@router.post("/runs/bulk", response={202: BulkJob, 200: BulkJob})
@access(*MANAGERS)
def begin_bulk(request: Request, what: BulkVerb) -> Status[BulkJob]:
    """Retry or cancel every run of a filter: 202 with the job. A dry run answers 200 and only counts."""
    where = what.where.filter()
    if what.dry_run:
        total = queries.count(bulk.takes(what.verb, where), upto=COUNTED)
        counted = BulkJob(
            id=None,
            verb=what.verb,
            where=where.as_json(),
            reason=what.reason,
            by=Person.of(actor_of(request).as_json()),
            status="dry-run",
            total=total,
            succeeded=0,
            refused=0,
            created_at=None,
            ended_at=None,
        )
        return Status(200, counted)
    begun = bulk.begin(what.verb, where, by=actor_of(request), reason=what.reason)
    return Status(202, _answer(bulk.job(begun)))


@router.get("/runs/bulk", response=BulkJobPage)
@access(SIGNED_IN)
def list_bulk(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> BulkJobPage:
    """Bulk jobs, newest first."""
    with reading(cursor):
        jobs, following = bulk.jobs(cursor=cursor, limit=limit)
    return BulkJobPage(items=[_answer(job) for job in jobs], next=following)


@router.get("/runs/bulk/{job_id}", response=BulkJob)
@access(SIGNED_IN)
def get_bulk(request: Request, job_id: UUID) -> BulkJob:
    """One bulk job: how far it is."""
    return _answer(bulk.job(job_id))


@router.get("/runs/bulk/{job_id}/results", response=BulkResultPage)
@access(SIGNED_IN)
def list_bulk_results(
    request: Request, job_id: UUID, refused: bool = REFUSED, cursor: str | None = CURSOR, limit: int = LIMIT
) -> BulkResultPage:
    """What became of each run so far."""
    job = bulk.job(job_id)
    with reading(cursor):
        rows, following = bulk.results(job.id, refused=refused, cursor=cursor, limit=limit)
    return BulkResultPage(items=[BulkResult.model_validate(row) for row in rows], next=following)


@router.post("/runs/bulk/{job_id}/stop", response=BulkJob)
@access(*MANAGERS)
def stop_bulk(request: Request, job_id: UUID) -> BulkJob:
    """Have a job do nothing more; what it did stays done."""
    bulk.stop(job_id, by=actor_of(request))
    return _answer(bulk.job(job_id))


def _answer(job: bulk.JobRow) -> BulkJob:
    return BulkJob(
        id=job.id,
        verb=job.verb,
        where=job.where,
        reason=job.reason,
        by=Person.of(job.by),
        status=job.status,
        total=job.total,
        succeeded=job.succeeded,
        refused=job.refused,
        created_at=job.created_at,
        ended_at=job.ended_at,
    )
