"""/v1/calendars: working hours and days off, for prompts whose times count in them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from ninja import Router, Status
from pydantic import BaseModel, Field

from flowapp.http.access import SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.tenancy import calendars
from flowapp.tenancy.models import Role

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Name, Out, Text

router = Router(tags=["calendars"])
KEEPERS = (Role.OWNER, Role.ADMIN)
Hours = Annotated[list[Text], Field(max_length=12, description="Such as 09:00-12:00; 24:00 is the end of the day.")]


class CalendarDraft(BaseModel):
    """What a calendar says. A weekday without hours is free; `region` is of the country, where holidays differ."""

    name: Name = Field(max_length=100)
    zone: Name = Field(max_length=60, description="A time zone such as Europe/Berlin.")
    hours: dict[str, Hours] = Field(description="Working hours by weekday: monday to sunday.")
    country: Text = Field("", max_length=2, description="Its public holidays are free: two letters, such as DE.")
    region: Text = Field("", max_length=20)
    free: list[date] = Field(default_factory=list, max_length=1000, description="Days off of your own.")

    def draft(self) -> calendars.Draft:
        """As the actions take it."""
        free = [day.isoformat() for day in self.free]
        return calendars.Draft(self.name, self.zone, self.hours, self.country, self.region, free)


class Calendar(Out):
    """Working hours and days off, as `calendar=` of a prompt names them."""

    id: UUID
    name: str
    zone: str
    hours: dict[str, list[str]]
    country: str
    region: str
    free: list[date]


class CalendarPage(Page[Calendar]):
    """A page of calendars."""


@router.get("/calendars", response=CalendarPage)
@access(SIGNED_IN)
def list_calendars(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> CalendarPage:
    """The workspace's calendars, by name; it keeps 100 at most."""
    known = calendars.calendars()
    with reading(cursor):
        begin = [one.pk for one in known].index(UUID(cursor)) + 1 if cursor else 0
    shown = known[begin : begin + limit]
    following = str(shown[-1].pk) if begin + limit < len(known) else None
    return CalendarPage(items=[Calendar.model_validate(one) for one in shown], next=following)


@router.post("/calendars", response={201: Calendar})
@access(*KEEPERS)
def create_calendar(request: Request, body: CalendarDraft) -> Status[Calendar]:
    """Keep a new calendar."""
    return Status(201, Calendar.model_validate(calendars.create_calendar(draft=body.draft(), by=actor_of(request))))


@router.get("/calendars/{calendar_id}", response=Calendar)
@access(SIGNED_IN)
def get_calendar(request: Request, calendar_id: UUID) -> Calendar:
    """One calendar."""
    return Calendar.model_validate(calendars.calendar_of(calendar_id))


@router.put("/calendars/{calendar_id}", response=Calendar)
@access(*KEEPERS)
def change_calendar(request: Request, calendar_id: UUID, body: CalendarDraft) -> Calendar:
    """Say something else from now on. Prompts that are open keep what it said when they were opened."""
    changed = calendars.change_calendar(calendar_id, draft=body.draft(), by=actor_of(request))
    return Calendar.model_validate(changed)


@router.delete("/calendars/{calendar_id}", response={204: None})
@access(*KEEPERS)
def delete_calendar(request: Request, calendar_id: UUID) -> Status[None]:
    """Take a calendar away. A workflow that names it needs attention from then on."""
    calendars.delete_calendar(calendar_id, by=actor_of(request))
    return Status(204, None)
