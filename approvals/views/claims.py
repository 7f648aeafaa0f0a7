"""What else people do to a prompt in the browser: claim it, release it, take a vote back, put it to others.

Each ends at the prompt's page: htmx follows the redirect and gets its fragment. A refusal is a problem page, which
htmx says in a toast.
"""

from __future__ import annotations

import re
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from approvals import actions
from approvals.policies.answers import LONGEST_REASON
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.tenancy.models import Role

MEMBERS = tuple(Role)
_ENTRIES = re.compile(r"[\s,;]+(?=\w+:)")


@access(*MEMBERS)
@require_POST
def claim(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Say that one is looking at it."""
    actions.claim(prompt_id, by=actor_of(request), channel="web")
    return redirect("prompt", prompt_id)


@access(*MEMBERS)
@require_POST
def release(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Let it go again."""
    actions.release(prompt_id, by=actor_of(request), channel="web")
    return redirect("prompt", prompt_id)


@access(*MEMBERS)
@require_POST
def rescind(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Take one's vote back."""
    actions.rescind(prompt_id, by=actor_of(request), channel="web")
    return redirect("prompt", prompt_id)


@access(*MEMBERS)
@require_POST
def reassign(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Put it to others: entries such as user:bo@example.com, separated by commas, spaces or lines."""
    to = _ENTRIES.split(request.POST.get("assign", "").strip(" ,;\n\r\t"))
    actions.reassign(
        prompt_id,
        to=[entry for entry in to if entry],
        by=actor_of(request),
        reason=_reason(request),
        channel="web",
    )
    return redirect("prompt", prompt_id)


@access(*MEMBERS)
@require_POST
def withdraw(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Take back what one asked for: the run is cancelled, and the prompt with it."""
    actions.withdraw(prompt_id, by=actor_of(request), reason=_reason(request), channel="web")
    return redirect("prompt", prompt_id)


def _reason(request: HttpRequest) -> str:
    """The reason as it was typed, without the one character that PostgreSQL's text cannot hold."""
    return request.POST.get("reason", "")[:LONGEST_REASON].replace("\0", "")
