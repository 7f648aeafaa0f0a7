"""Calendars of working hours and days off: keeping them, and reading them. The workspace in scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction

from . import business_time
from .actors import Actor
from .business_time import WEEKDAYS, NoWorkingTime
from .errors import NotHere, Unfit
from .models import Calendar
from .signals import tell

MOST = 100  # calendars a workspace
MOST_FREE = 1000  # days off of one's own


@dataclass(frozen=True, slots=True)
class Draft:
    """What a calendar is to say: hours by weekday as ["09:00-17:00"], days off as ["2026-12-24"]."""

    name: str
    zone: str
    hours: Mapping[str, Sequence[str]]
    country: str = ""
    region: str = ""
    free: Sequence[str] = ()


@transaction.atomic
def create_calendar(*, draft: Draft, by: Actor) -> Calendar:
    """A new calendar. Raises Unfit naming each thing to correct."""
    if Calendar.objects.count() >= MOST:
        raise Unfit([{"loc": ["name"], "msg": f"a workspace keeps at most {MOST} calendars"}])
    said = _checked(draft)
    with _named_once(said["name"]):
        calendar = Calendar.objects.create(**said)
    tell(by=by, verb="calendar.created", target=f"calendar:{calendar.pk}", after=_shown(calendar))
    return calendar


@transaction.atomic
def change_calendar(calendar_id: UUID, *, draft: Draft, by: Actor) -> Calendar:
    """Say something else from now on; prompts that are open keep the calendar as it was when they were opened."""
    calendar = Calendar.objects.select_for_update().filter(pk=calendar_id).first()
    if calendar is None:
        raise NotHere("There is no such calendar here.")
    before = _shown(calendar)
    for field, value in _checked(draft, calendar_id).items():
        setattr(calendar, field, value)
    with _named_once(calendar.name):
        calendar.save()
    tell(by=by, verb="calendar.changed", target=f"calendar:{calendar.pk}", before=before, after=_shown(calendar))
    return calendar


@transaction.atomic
def delete_calendar(calendar_id: UUID, *, by: Actor) -> None:
    """Take a calendar away. Prompts that name it need attention from then on. Raises NotHere."""
    calendar = Calendar.objects.filter(pk=calendar_id).first()
    if calendar is None:
        raise NotHere("There is no such calendar here.")
    before = _shown(calendar)
    calendar.delete()
    tell(by=by, verb="calendar.deleted", target=f"calendar:{calendar_id}", before=before)


def calendars() -> list[Calendar]:
    """All of them, by name."""
    return list(Calendar.objects.order_by("name", "pk")[:MOST])


def calendar_of(calendar_id: UUID) -> Calendar:
    """One of them. Raises NotHere."""
    found = Calendar.objects.filter(pk=calendar_id).first()
    if found is None:
        raise NotHere("There is no such calendar here.")
    return found


def named(name: str) -> dict[str, Any] | None:
    """The calendar of this name, in any case, as `business_time.read` takes it; None when there is none."""
    found = Calendar.objects.filter(name__iexact=name).first()
    return _shown(found) if found else None


def days_off(calendar: Calendar, year: int) -> list[tuple[date, str]]:
    """The days of a year that are free, with their names."""
    own = (date.fromisoformat(day) for day in calendar.free)
    found = {day: "Day off" for day in own if day.year == year}
    return sorted((found | business_time.public_holidays(calendar.country, calendar.region, year)).items())


def _checked(draft: Draft, calendar_id: UUID | None = None) -> dict[str, Any]:
    errors = [*_name_errors(draft.name.strip(), calendar_id), *_place_errors(draft), *_time_errors(draft)]
    if errors:
        raise Unfit(errors)
    kept = {
        "zone": draft.zone,
        "hours": {name: list(draft.hours[name]) for name in WEEKDAYS if draft.hours.get(name)},
        "country": draft.country.upper(),
        "region": draft.region,
        "free": sorted({date.fromisoformat(day).isoformat() for day in draft.free}),
    }
    try:
        business_time.read(kept).add(datetime.now(UTC), timedelta(minutes=1))
    except NoWorkingTime as error:
        raise Unfit([{"loc": ["hours"], "msg": str(error)}]) from None
    return {"name": draft.name.strip(), **kept}


@contextmanager
def _named_once(name: str) -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError:  # two of one name were saved at once
        raise Unfit([_taken(name)]) from None


def _taken(name: str) -> dict[str, Any]:
    return {"loc": ["name"], "msg": f"there is a calendar named {name} already"}


def _name_errors(name: str, calendar_id: UUID | None) -> list[dict[str, Any]]:
    if not 0 < len(name) <= 100 or "\0" in name:
        return [{"loc": ["name"], "msg": "give it a name of 1 to 100 characters"}]
    same = Calendar.objects.filter(name__iexact=name).values_list("pk", flat=True)
    if any(pk != calendar_id for pk in same):
        return [_taken(name)]
    return []


def _place_errors(draft: Draft) -> list[dict[str, Any]]:
    errors = []
    if draft.zone not in available_timezones():
        errors.append({"loc": ["zone"], "msg": f"{draft.zone!r} is no time zone; write one such as Europe/Berlin"})
    known = business_time.countries()
    if draft.country and draft.country.upper() not in known:
        errors.append({"loc": ["country"], "msg": f"the holidays of {draft.country!r} are not known; write DE or US"})
    elif draft.region and draft.region not in known.get(draft.country.upper(), ()):
        there = ", ".join(known.get(draft.country.upper(), ())) or "none"
        errors.append({"loc": ["region"], "msg": f"{draft.region!r} is no region of it; there is {there}"})
    return errors


def _time_errors(draft: Draft) -> list[dict[str, Any]]:
    errors: list[dict[str, Any]] = []
    for name in draft.hours:
        if name not in WEEKDAYS:
            errors.append({"loc": ["hours", name], "msg": f"this is no weekday; write {', '.join(WEEKDAYS)}"})
            continue
        try:
            business_time.read({"zone": "UTC", "hours": {name: draft.hours[name]}})
        except ValueError as error:
            errors.append({"loc": ["hours", name], "msg": str(error)})
    if len(draft.free) > MOST_FREE:
        errors.append({"loc": ["free"], "msg": f"at most {MOST_FREE:,} days"})
    for day in draft.free:
        try:
            date.fromisoformat(day)
        except ValueError:
            errors.append({"loc": ["free"], "msg": f"{day!r} is no date; write 2026-12-24"})
    return errors


def _shown(calendar: Calendar) -> dict[str, Any]:
    return {name: getattr(calendar, name) for name in ("name", "zone", "hours", "country", "region", "free")}
