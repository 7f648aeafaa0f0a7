"""Bulk verbs: one verb on every run of a filter, worked through in the background, with a result for each run.

A run's verb, its result and the job's place are one transaction, so that a kill repeats nothing and leaves out nothing;
two workers at the same job take turns, run by run.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from flowapp import audit
from flowapp.audit.origin import Origin, coming_from, origin
from flowapp.engine import clock, runs, signals
from flowapp.engine.errors import FlowappError
from flowapp.engine.models import BulkJob, BulkResult, Run
from flowapp.engine.reading import search
from flowapp.engine.reading.search import Filter
from flowapp.engine.states import LIVE, RunStatus
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.scope import scoped

logger = logging.getLogger("flowapp.engine")
STATUSES: Final = {
    "retry": (RunStatus.FAILED, RunStatus.NEEDS_ATTENTION),
    "cancel": tuple(sorted(LIVE)),
}
BATCH = 100  # runs between two looks at other jobs


class NothingToDo(FlowappError):
    """No run of this filter can take this verb."""


class JobNotFound(FlowappError):
    """No bulk job with this id in this workspace."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A bulk job as people see it.

    `total` is what the filter held when it began; more, when that came into it before the job got there: a job that
    cancels comes to runs that were retried meanwhile.
    """

    id: UUID
    verb: str
    where: dict[str, Any]
    reason: str
    by: dict[str, Any]
    status: str
    total: int
    succeeded: int
    refused: int
    created_at: datetime
    ended_at: datetime | None

    @property
    def done(self) -> int:
        """How many runs it came to."""
        return self.succeeded + self.refused


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What became of one run."""

    run_id: UUID
    done: bool
    message: str


def takes(verb: str, where: Filter) -> Filter:
    """The runs of a filter that can take the verb. Raises NothingToDo when the filter names other statuses only."""
    if not where.overlaps(STATUSES[verb]):
        named = " or ".join(one.replace("_", " ") for one in where.statuses)
        raise NothingToDo(f"runs that are {named} cannot {verb}: choose another status, or none")
    return where.narrowed(STATUSES[verb])


@transaction.atomic
def begin(verb: str, where: Filter, *, by: Actor, reason: str = "") -> UUID:
    """Begin a verb on every run that the filter holds now; returns the job's id. Raises NothingToDo."""
    affected = search.runs(takes(verb, where))
    total, newest = affected.count(), search.newest(takes(verb, where)).values_list("id", flat=True).first()
    if not total:
        raise NothingToDo(f"no run of this filter can {verb}")
    now, here = clock.now(), origin()
    job = BulkJob.objects.create(
        verb=verb,
        where=where.as_json(),
        reason=reason,
        by=by.as_json(),
        origin={"channel": here.channel, "request_id": here.request_id},
        total=total,
        newest=newest,
        created_at=now,
        updated_at=now,
    )
    after = {"where": job.where, "runs": total}
    audit.record(by=by, verb=f"runs.bulk-{verb}", target=f"bulk:{job.id}", after=after, reason=reason)
    signals.tell(job.workspace_id, "bulk", str(job.id))
    return job.id


@transaction.atomic
def stop(job_id: UUID, *, by: Actor) -> None:
    """Have a job do nothing more; what it did stays done. Nothing happens to one that has ended."""
    job = BulkJob.objects.select_for_update().filter(id=job_id).first()
    if job is None:
        raise JobNotFound(f"there is no bulk job {job_id} in this workspace")
    if job.status == "running":
        _end(job, "stopped", by)


def advance(seconds: float = 5.0) -> bool:
    """Work on the jobs of all workspaces for about so long; whether anything is left to do."""
    until = time.monotonic() + seconds
    jobs = list(BulkJob.unscoped.filter(status="running").order_by("id")[:100])
    while jobs and time.monotonic() < until:
        jobs = [job for job in jobs if _attempt(job, until)]
    return bool(jobs)


def _attempt(job: BulkJob, until: float) -> bool:
    """One batch of a job; what is wrong with one keeps the others from nothing."""
    try:
        return _advance(job, until)
    except (OperationalError, InterfaceError):
        raise  # the database is away, for all of them
    except Exception:
        logger.exception("the bulk job %s failed; it is tried again", job.id)
        return False


def _advance(job: BulkJob, until: float) -> bool:
    """One batch of a job; whether there is more of it."""
    with scoped(job.workspace_id), coming_from(Origin(**job.origin)):
        ids = _next(job)
        for run_id in ids:
            if time.monotonic() > until:
                return True
            if not _one(job, run_id):
                return False  # stopped, or another worker is at it
        if not ids:
            _finish(job)
        signals.announce(job.workspace_id, "bulk", str(job.id))
        return bool(ids)


def _next(job: BulkJob) -> list[UUID]:
    where = takes(job.verb, Filter.from_json(job.where))
    found = search.oldest(where, after=job.cursor, upto=job.newest)
    return list(found.values_list("id", flat=True)[:BATCH])


def _one(job: BulkJob, run_id: UUID) -> bool:
    """The verb on one run; False when the job is no longer where we left it."""
    message = ""
    with transaction.atomic():
        # The job's row is locked before the run's: nobody who holds a run asks for a job.
        here = BulkJob.objects.filter(id=job.id, status="running", cursor=job.cursor)
        if not here.update(cursor=run_id, updated_at=clock.now()):
            return False
        try:
            with transaction.atomic():
                _do(job, run_id)
        except (OperationalError, InterfaceError):
            raise  # tried again
        except Exception as error:
            message = str(error)[:500] or type(error).__name__
        counter = "refused" if message else "succeeded"
        done = F("succeeded") + F("refused") + 1
        BulkJob.objects.filter(id=job.id).update(**{counter: F(counter) + 1, "total": Greatest("total", done)})
        BulkResult.objects.create(job_id=job.id, run_id=run_id, done=not message, message=message)
    job.cursor = run_id
    return True


def _do(job: BulkJob, run_id: UUID) -> None:
    by = Actor.from_json(job.by)
    if job.verb == "retry":
        runs.retry(run_id, by=by)
    else:
        runs.cancel(run_id, by=by, reason=job.reason)


@transaction.atomic
def _finish(job: BulkJob) -> None:
    found = BulkJob.objects.select_for_update().filter(id=job.id, status="running").first()
    if found is not None:
        _end(found, "completed", SYSTEM)


def _end(job: BulkJob, status: str, by: Actor) -> None:
    now = clock.now()
    BulkJob.objects.filter(id=job.id).update(status=status, ended_at=now, updated_at=now)
    after = {"succeeded": job.succeeded, "refused": job.refused, "of": job.total}
    audit.record(by=by, verb=f"runs.bulk-{status}", target=f"bulk:{job.id}", after=after)
    signals.tell(job.workspace_id, "bulk", str(job.id))


# -- reads ------------------------------------------------------------------------------------------------------------


def job(job_id: UUID) -> JobRow:
    """One job. Raises JobNotFound."""
    found = BulkJob.objects.filter(id=job_id).first()
    if found is None:
        raise JobNotFound(f"there is no bulk job {job_id} in this workspace")
    return _row(found)


def jobs(*, cursor: str | None = None, limit: int = 50) -> tuple[list[JobRow], str | None]:
    """The workspace's jobs, newest first, and the cursor of the next page. Raises ValueError for a strange one."""
    found = BulkJob.objects.order_by("-id")
    page = list((found.filter(id__lt=UUID(cursor)) if cursor else found)[: limit + 1])
    return [_row(one) for one in page[:limit]], str(page[limit - 1].id) if len(page) > limit else None


def results(
    job_id: UUID, *, refused: bool = False, cursor: str | None = None, limit: int = 50
) -> tuple[list[ResultRow], str | None]:
    """What became of each run, in the job's order; with `refused` only of those that took the verb not."""
    found = BulkResult.objects.filter(job_id=job_id).order_by("run_id")
    if refused:
        found = found.filter(done=False)
    if cursor:
        found = found.filter(run_id__gt=UUID(cursor))
    page = list(found[: limit + 1])
    rows = [ResultRow(one.run_id, one.done, one.message) for one in page[:limit]]
    return rows, str(rows[-1].run_id) if len(page) > limit else None


def changed_since(since: datetime) -> list[tuple[UUID, datetime]]:
    """The jobs that got on, and when; for processes that are not told."""
    return list(BulkJob.objects.filter(updated_at__gte=since).values_list("id", "updated_at")[:100])


def _row(job: BulkJob) -> JobRow:
    return JobRow(
        job.id,
        job.verb,
        job.where,
        job.reason,
        job.by,
        job.status,
        job.total,
        job.succeeded,
        job.refused,
        job.created_at,
        job.ended_at,
    )


def names(run_ids: list[UUID]) -> dict[UUID, tuple[str, str]]:
    """Workflow and status of several runs at once."""
    found = Run.objects.filter(id__in=run_ids).values_list("id", "workflow", "status")
    return {run_id: (workflow, status) for run_id, workflow, status in found}
