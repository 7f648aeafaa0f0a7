"""/v1/audit: who did what. Reading only; the log is written by what happens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router
from pydantic import BaseModel

from flowapp.audit import queries
from flowapp.audit.models import AuditEntry
from flowapp.http.access import WORKSPACE_KEY, access
from flowapp.http.requests import Request
from flowapp.tenancy.models import Role

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Name

router = Router(tags=["audit"])


class AuditActor(BaseModel):
    """Who did it: a person (`id` is the e-mail address), an agent, a key, the system or a policy."""

    kind: str
    id: str
    name: str
    on_behalf_of: str | None


class AuditRecord(BaseModel):
    """One thing somebody did. `seq` is its place in the signed chain; null for the second until it is sealed."""

    id: UUID
    at: datetime
    actor: AuditActor
    verb: str
    target: str
    before: Any
    after: Any
    reason: str
    channel: str
    request_id: str
    seq: int | None


class AuditPage(Page[AuditRecord]):
    """A page of the audit log."""


@router.get("/audit", response=AuditPage)
@access(Role.OWNER, Role.ADMIN, WORKSPACE_KEY)
def list_audit(
    request: Request,
    target: Name | None = None,
    cursor: str | None = CURSOR,
    limit: int = LIMIT,
) -> AuditPage:
    """The audit log, newest first. `target` is such as `run:<id>` or `prompt:<id>`."""
    with reading(cursor):
        entries, following = queries.page(target=target, cursor=cursor, limit=limit)
    return AuditPage(items=[_entry(one) for one in entries], next=following)


def _entry(row: AuditEntry) -> AuditRecord:
    actor = AuditActor(
        kind=row.actor_kind, id=row.actor_id, name=row.actor_label, on_behalf_of=row.on_behalf_of or None
    )
    return AuditRecord(
        id=row.pk,
        at=row.at,
        actor=actor,
        verb=row.verb,
        target=row.target,
        before=row.before,
        after=row.after,
        reason=row.reason,
        channel=row.channel,
        request_id=row.request_id,
        seq=row.seq,
    )
