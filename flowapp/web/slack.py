"""The Slack page, where an admin connects the workspace; and a member's Slack account, taken away again."""

from __future__ import annotations

import json
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.integrations import slack
from flowapp.integrations.slack.connections import CannotConnect
from flowapp.tenancy.models import Member, Role

_ADMINS = (Role.OWNER, Role.ADMIN)


@access(*_ADMINS)
@require_http_methods(["GET", "POST"])
def connection(request: HttpRequest) -> HttpResponse:
    """The manifest to make the app with, and the form that connects it."""
    if request.method == "GET":
        return _connection_page(request)
    try:
        connected = slack.connections.connect(
            bot_token=request.POST.get("bot_token", "").strip(),
            signing_secret=request.POST.get("signing_secret", "").strip(),
            by=actor_of(request),
        )
    except CannotConnect as error:
        return _connection_page(request, error)
    messages.success(request, f"Connected to {connected.team_name}.")
    return redirect("slack")


@access(*_ADMINS)
@require_POST
def disconnect(request: HttpRequest) -> HttpResponse:
    """Take the connection away."""
    slack.connections.disconnect(by=actor_of(request))
    messages.success(request, "Slack is disconnected.")
    return redirect("slack")


@access(*Role)
@require_POST
def unlink(request: HttpRequest) -> HttpResponse:
    """Take one's Slack account away from oneself."""
    slack.people.unlink(member=_member(request), by=actor_of(request))
    messages.success(request, "Your Slack account is no longer linked.")
    return redirect("notifications")


def _connection_page(request: HttpRequest, error: CannotConnect | None = None) -> HttpResponse:
    made = slack.manifest(settings.FLOWAPP_BASE_URL, socket_mode=bool(settings.FLOWAPP_SLACK_APP_TOKEN))
    context = {
        "connection": slack.connections.connection(),
        "manifest": json.dumps(made, indent=2),
        "socket_mode": bool(settings.FLOWAPP_SLACK_APP_TOKEN),
        "local": not settings.FLOWAPP_BASE_URL.startswith("https://"),
        "error_field": error.field if error else "",
        "error": str(error) if error else "",
    }
    return render(request, "web/slack.html", context, status=422 if error else 200)


def _member(request: HttpRequest) -> Member:
    member = cast("Request", request).member
    assert member is not None  # @access lets members in, and nobody else
    return member
