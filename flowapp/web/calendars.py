"""Calendars of working hours and days off, as admins keep them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flowapp.engine import clock
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.tenancy import business_time, calendars
from flowapp.tenancy.business_time import WEEKDAYS
from flowapp.tenancy.errors import Unfit
from flowapp.tenancy.models import Calendar, Role

KEEPERS = (Role.OWNER, Role.ADMIN)
_NEW = {"zone": "UTC", **dict.fromkeys(WEEKDAYS[:5], "09:00-17:00")}


@access(*KEEPERS)
@require_GET
def calendar_list(request: HttpRequest) -> HttpResponse:
    """All calendars, by name."""
    return render(request, "web/calendars.html", {"calendars": calendars.calendars()})


@access(*KEEPERS)
@require_http_methods(["GET", "POST"])
def calendar_new(request: HttpRequest) -> HttpResponseBase:
    """A new calendar."""
    if request.method == "GET":
        return _page(request, None, _NEW)
    try:
        made = calendars.create_calendar(draft=_draft(request), by=actor_of(request))
    except Unfit as unfit:
        return _page(request, None, request.POST, unfit)
    messages.success(request, f"Prompts can name it now: calendar={made.name!r}.")
    return redirect("calendars")


@access(*KEEPERS)
@require_http_methods(["GET", "POST"])
def calendar(request: HttpRequest, calendar_id: UUID) -> HttpResponseBase:
    """One calendar, and the form that changes it."""
    kept = calendars.calendar_of(calendar_id)
    if request.method == "GET":
        return _page(request, kept, _typed(kept))
    try:
        calendars.change_calendar(calendar_id, draft=_draft(request), by=actor_of(request))
    except Unfit as unfit:
        return _page(request, kept, request.POST, unfit)
    messages.success(request, "Saved. Prompts that are open keep the hours they were opened with.")
    return redirect("calendars")


@access(*KEEPERS)
@require_POST
def calendar_delete(request: HttpRequest, calendar_id: UUID) -> HttpResponseBase:
    """Take a calendar away."""
    calendars.delete_calendar(calendar_id, by=actor_of(request))
    return redirect("calendars")


def _draft(request: HttpRequest) -> calendars.Draft:
    posted = request.POST
    spans = {name: [span.strip() for span in posted.get(name, "").split(",") if span.strip()] for name in WEEKDAYS}
    return calendars.Draft(
        name=posted.get("name", ""),
        zone=posted.get("zone", "").strip(),
        hours=spans,
        country=posted.get("country", "").strip().upper(),
        region=posted.get("region", "").strip(),
        free=posted.get("free", "").replace(",", " ").split(),
    )


def _typed(kept: Calendar) -> dict[str, str]:
    hours = {name: ", ".join(kept.hours.get(name, ())) for name in WEEKDAYS}
    return (
        {name: getattr(kept, name) for name in ("name", "zone", "country", "region")}
        | hours
        | {"free": "\n".join(kept.free)}
    )


def _page(request: HttpRequest, kept: Calendar | None, typed: Any, unfit: Unfit | None = None) -> HttpResponse:
    errors = {str(one["loc"][-1]): one["msg"] for one in unfit.errors} if unfit else {}
    today = clock.now().date()
    coming = [day for year in (today.year, today.year + 1) for day in calendars.days_off(kept, year)] if kept else []
    context = {
        "calendar": kept,
        "typed": typed,
        "errors": errors,
        "days": [{"name": name, "hours": typed.get(name, ""), "error": errors.get(name)} for name in WEEKDAYS],
        "countries": sorted(business_time.countries()),
        "coming": [day for day in coming if day[0] >= today][:12],
    }
    return render(request, "web/calendar.html", context, status=422 if unfit else 200)
