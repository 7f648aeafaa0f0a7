"""The notifications page: what one is told, where, and at once or in a daily mail."""

from __future__ import annotations

from typing import Any, Final, cast
from zoneinfo import available_timezones

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from approvals.actions.channels import preferences
from approvals.policies.notices import CHANNELS, LABELS, POSSIBLE, Kind, When, Wishes, choices_of
from approvals.states import InvalidDecision
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.integrations import email, slack
from flowapp.integrations.slack.linking import CannotAsk, NoSlack
from flowapp.integrations.slack.people import TakenAccount
from flowapp.tenancy.models import Member, Role

MEMBERS: Final = tuple(Role)
_WORDS: Final = {When.NOW: "At once", When.DAILY: "In the daily mail", When.NEVER: "Never"}


@access(*MEMBERS)
@require_http_methods(["GET", "POST"])
def notifications(request: HttpRequest) -> HttpResponse:
    """Show the member's choices; on POST keep them."""
    member = cast("Request", request).member
    assert member is not None  # @access lets members in, and nobody else
    if request.method == "GET":
        return _page(request, member, preferences.of(member.pk))
    posted = request.POST
    wishes = Wishes(choices_of(posted.dict()), _hour(posted.get("digest_hour", "")), posted.get("zone", "").strip())
    try:
        preferences.choose(
            member=member,
            choices=wishes.choices,
            digest_hour=wishes.digest_hour,
            zone=wishes.zone,
            by=actor_of(request),
        )
    except InvalidDecision as invalid:
        errors = {one["field"]: one["msg"] for one in invalid.errors}
        return _page(request, member, wishes, errors, status=422)
    messages.success(request, "Saved.")
    return redirect("notifications")


@access(*MEMBERS)
@require_POST
def link_slack(request: HttpRequest) -> HttpResponse:
    """Have a Slack account asked whether it is this member's."""
    member = cast("Request", request).member
    assert member is not None  # @access lets members in, and nobody else
    typed = request.POST.get("slack_id", "").strip()
    try:
        slack.linking.ask(member=member, slack_id=typed.upper(), by=actor_of(request))
    except (CannotAsk, TakenAccount) as error:
        wishes = preferences.of(member.pk)
        if isinstance(error, NoSlack):  # there is no field for it on the page then
            messages.error(request, str(error))
        return _page(request, member, wishes, {"slack_id": str(error)}, status=422, slack_id=typed)
    messages.success(request, "That account is asked in Slack now. Say yes there within ten minutes.")
    return redirect("notifications")


def _hour(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 2 else -1


def _page(
    request: HttpRequest,
    member: Member,
    wishes: Wishes,
    errors: dict[str, str] | None = None,
    status: int = 200,
    slack_id: str = "",
) -> HttpResponse:
    context: dict[str, Any] = {
        "kinds": [_kind(kind, wishes) for kind in Kind],
        "channels": [_channel(key, label) for key, label in CHANNELS.items()],
        "hours": [(hour, f"{hour:02d}:00") for hour in range(24)],
        "digest_hour": wishes.digest_hour,
        "zone": wishes.zone,
        "zones": sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"),
        "errors": errors or {},
        "slack_account": slack.people.known_account(member),
        "slack_connected": slack.is_connected(),
        "slack_id": slack_id,
    }
    return render(request, "approvals/notifications.html", context, status=status)


def _kind(kind: Kind, wishes: Wishes) -> dict[str, Any]:
    label, hint = LABELS[kind]
    cells = [
        {
            "name": f"{kind}.{key}",
            "label": f"{label}: {channel}",
            "channel": channel,
            "options": [(when.value, _WORDS[when], wishes.when(kind, key) == when) for when in POSSIBLE[key]],
        }
        for key, channel in CHANNELS.items()
    ]
    return {"label": label, "hint": hint, "cells": cells}


def _channel(key: str, label: str) -> dict[str, Any]:
    ready = email.in_use() if key == "email" else slack.is_connected()
    return {"label": label, "ready": ready, "missing": _MISSING[key]}


_MISSING: Final = {
    "email": "No mails about prompts are sent: FLOWAPP_EMAIL_URL is not set on this installation.",
    "slack": "Slack is not connected: an owner or admin connects it under Slack, in the settings.",
}
