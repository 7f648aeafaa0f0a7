"""/v1/workers: the processes that execute runs now. They serve every workspace of the installation."""

from datetime import datetime
from uuid import UUID

from ninja import Router

from flowapp.engine import clock, queries
from flowapp.http.access import WORKSPACE_KEY, access
from flowapp.http.requests import Request
from flowapp.tenancy.models import Role

from .paging import Page
from .schemas import Out

router = Router(tags=["workers"])


class Worker(Out):
    """A process that executes runs. It counts as live until `lease_until`."""

    id: UUID
    kind: str
    host: str
    pid: int
    queues: list[str]
    concurrency: int
    started_at: datetime
    heartbeat_at: datetime
    lease_until: datetime


class WorkerPage(Page[Worker]):
    """The live workers; there is one page."""


@router.get("/workers", response=WorkerPage)
@access(Role.OWNER, Role.ADMIN, WORKSPACE_KEY)
def list_workers(request: Request) -> WorkerPage:
    """The live workers, the newest heartbeat first."""
    now = clock.now()
    return WorkerPage(items=[Worker.model_validate(one) for one in queries.workers() if one.lease_until > now])
