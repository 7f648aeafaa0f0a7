"""The page of outgoing messages: what is on its way, what never got there, and trying that again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem
from flowapp.integrations import undelivered
from flowapp.integrations.models import OutboxStatus
from flowapp.tenancy.models import Role

_ADMINS = (Role.OWNER, Role.ADMIN)
_TABS = {OutboxStatus.DEAD: "Not delivered", OutboxStatus.PENDING: "On their way", OutboxStatus.SENT: "Delivered"}


@access(*_ADMINS)
@require_GET
def outbox(request: HttpRequest) -> HttpResponse:
    """The messages of one status, newest first."""
    status = request.GET.get("status") or OutboxStatus.DEAD
    try:
        page = undelivered.page(status=status, cursor=request.GET.get("cursor"))
    except ValueError as error:
        raise Problem("not-found", str(error)) from None
    tabs = [{"key": key.value, "label": label, "active": key == status} for key, label in _TABS.items()]
    return render(request, "web/outbox.html", {"tabs": tabs, "page": page, "status": status})


@access(*_ADMINS)
@require_POST
def replay(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Try a message again."""
    undelivered.replay(message_id, by=actor_of(request))
    messages.success(request, "It is being tried again.")
    return redirect("outbox")
