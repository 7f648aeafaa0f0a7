"""/v1/absences: who is away, and who stands in for them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ninja import Router, Status
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flowapp.engine import clock
from flowapp.http.access import SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem, invalid
from flowapp.http.requests import Request
from flowapp.tenancy import absences, queries
from flowapp.tenancy.models import Absence as Row
from flowapp.tenancy.models import Member

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Name

router = Router(tags=["absences"])


class Absence(BaseModel):
    """A member is away, and another stands in: `member` and `substitute` are e-mail addresses."""

    id: UUID
    member: str
    substitute: str
    from_: datetime = Field(serialization_alias="from")
    until: datetime


class AbsencePage(Page[Absence]):
    """A page of those who are or will be away."""


class NewAbsence(BaseModel):
    """From when until when, and who stands in. `member` is you unless a manager, admin or owner names another."""

    model_config = ConfigDict(populate_by_name=True)

    from_: AwareDatetime = Field(alias="from")
    until: AwareDatetime
    substitute: Name
    member: Name | None = None


@router.get("/absences", response=AbsencePage, by_alias=True)
@access(SIGNED_IN)
def list_absences(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> AbsencePage:
    """Who is or will be away, soonest first."""
    with reading(cursor):
        found = absences.current_and_coming(clock.now(), after=_place(cursor), limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = f"{last.starts_at.isoformat()}~{last.pk}" if last else None
    return AbsencePage(items=[_shown(row) for row in found[:limit]], next=following)


@router.post("/absences", response={201: Absence}, by_alias=True)
@access(SIGNED_IN)
def create_absence(request: Request, body: NewAbsence) -> Status[Absence]:
    """Say that you are away: what is put to you is put to your substitute too, until you are back.

    Substitutes that would lead back to you are 422, with the loop named. Through a key it needs `approvals:decide`.
    """
    member = _member("member", body.member) if body.member else request.member
    if member is None:
        raise Problem("not-eligible", "A workspace's key is nobody who could be away: name a `member`.")
    row = absences.set_absence(
        member=member,
        starts_at=body.from_,
        ends_at=body.until,
        substitute=_member("substitute", body.substitute),
        by=actor_of(request),
        now=clock.now(),
    )
    return Status(201, _shown(row))


@router.post("/absences/{absence_id}/end", response={204: None})
@access(SIGNED_IN)
def end_absence(request: Request, absence_id: UUID) -> Status[None]:
    """End an absence now, or take back one that has not begun."""
    absences.end_absence(absence_id, by=actor_of(request), now=clock.now())
    return Status(204, None)


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    begin, _, last_id = cursor.partition("~")
    return datetime.fromisoformat(begin).astimezone(UTC), UUID(last_id)


def _member(field: str, email: str) -> Member:
    found: Any = queries.members().filter(user__email=email.strip().lower()).first()
    if found is None:
        raise invalid([{"loc": [field], "msg": f"there is no member {email!r} here"}])
    return found  # type: ignore[no-any-return]


def _shown(row: Row) -> Absence:
    return Absence(
        id=row.pk,
        member=row.member.user.email,
        substitute=row.substitute.user.email,
        from_=row.starts_at,
        until=row.ends_at,
    )
