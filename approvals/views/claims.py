"""What else people do to a prompt in the browser: claim it, release it. Each ends at the prompt's page."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from approvals import actions
from approvals.states import PromptNotFound, Refused
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.tenancy.models import Role

MEMBERS = tuple(Role)


@access(*MEMBERS)
@require_POST
def claim(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Say that one is looking at it."""
    return _done(request, prompt_id, lambda: actions.claim(prompt_id, by=actor_of(request), channel="web"))


@access(*MEMBERS)
@require_POST
def release(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Let it go again."""
    return _done(request, prompt_id, lambda: actions.release(prompt_id, by=actor_of(request), channel="web"))


def _done(request: HttpRequest, prompt_id: UUID, act: Callable[[], object]) -> HttpResponse:
    """Do it, then show the prompt as it stands; htmx follows the redirect and gets its fragment."""
    try:
        act()
    except PromptNotFound:
        raise
    except Refused as refused:
        messages.warning(request, str(refused))
    return redirect("prompt", prompt_id)
