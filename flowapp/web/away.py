"""Out of office: when the reader is away and who stands in, and who else is away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from flowapp.engine import clock
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.tenancy import absences, queries
from flowapp.tenancy.errors import Unfit
from flowapp.tenancy.models import Member, Role

MEMBERS = tuple(Role)
MOST = 500  # members offered to choose from; beyond, their address is typed


@access(*MEMBERS)
@require_http_methods(["GET", "POST"])
def away(request: HttpRequest) -> HttpResponseBase:
    """Who is away, and the form that says so."""
    if request.method == "GET":
        return _page(request, {})
    try:
        absences.set_absence(**_read(request), by=actor_of(request), now=clock.now())
    except Unfit as unfit:
        return _page(request, request.POST, errors={one["loc"][0]: one["msg"] for one in unfit.errors}, status=422)
    messages.success(request, "Kept. What is asked of you reaches your substitute meanwhile.")
    return redirect("away")


@access(*MEMBERS)
@require_POST
def end(request: HttpRequest, absence_id: UUID) -> HttpResponseBase:
    """End an absence, or take one back."""
    absences.end_absence(absence_id, by=actor_of(request), now=clock.now())
    return redirect("away")


def _read(request: HttpRequest) -> dict[str, Any]:
    """What was posted. Raises Unfit for what cannot be read."""
    posted, me = request.POST, _me(request)
    errors: list[dict[str, Any]] = []
    times = {name: _moment(posted.get(name, "")) for name in ("from", "until")}
    errors += [{"loc": [name], "msg": "choose a day and a time"} for name, at in times.items() if at is None]
    who = {"member": _member(posted["member"]) if posted.get("member") else me}
    who["substitute"] = _member(posted.get("substitute", ""))
    errors += [{"loc": [name], "msg": "choose a member of this workspace"} for name, one in who.items() if one is None]
    if errors:
        raise Unfit(errors)
    return {**who, "starts_at": times["from"], "ends_at": times["until"]}


def _moment(text: str) -> datetime | None:
    """A moment as a browser sends it: without a zone it is UTC, as the field says."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _member(email: str) -> Member | None:
    email = email.strip().lower().replace("\0", "")
    return queries.members().filter(user__email=email).first()


def _me(request: HttpRequest) -> Member:
    member = cast("Request", request).member
    assert member is not None  # @access lets members in, and nobody else
    return member


def _page(request: HttpRequest, typed: Any, *, errors: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    me, now = _me(request), clock.now()
    known = absences.current_and_coming(now)
    context = {
        "mine": [one for one in known if one.member_id == me.pk],
        "others": [one for one in known if one.member_id != me.pk],
        "arranges": me.role in absences.ARRANGERS,
        "members": queries.members().filter(user__is_active=True)[:MOST],
        "typed": typed,
        "errors": errors or {},
        "now": now,
    }
    return render(request, "web/away.html", context, status=status)
