"""Keeping a view of the inbox under a name, renaming it, forgetting it."""

from __future__ import annotations

from urllib.parse import parse_qs
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from approvals import actions, queries
from approvals.views.listing import LONGEST_QUERY, as_query
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import invalid
from flowapp.tenancy.models import Role

MEMBERS = tuple(Role)


@access(*MEMBERS)
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the view that was on the page."""
    query = _normal(request.POST.get("query", ""))
    kept = actions.save_filter(name=request.POST.get("name", ""), query=query, by=actor_of(request), channel="web")
    messages.success(request, f"Saved as {kept.name}.")
    return redirect(f"{reverse('inbox')}?{query}")


@access(*MEMBERS)
@require_POST
def rename(request: HttpRequest, filter_id: UUID) -> HttpResponse:
    """Give it another name."""
    kept = actions.rename_filter(filter_id, name=request.POST.get("name", ""), by=actor_of(request), channel="web")
    messages.success(request, f"Renamed to {kept.name}.")
    return redirect(f"{reverse('inbox')}?{kept.query}")


@access(*MEMBERS)
@require_POST
def delete(request: HttpRequest, filter_id: UUID) -> HttpResponse:
    """Forget it."""
    actions.delete_filter(filter_id, by=actor_of(request), channel="web")
    messages.success(request, "The filter is gone. Nothing else has changed.")
    return redirect("inbox")


def _normal(posted: str) -> str:
    """The view of a posted query string: what is not a part of it is left out."""
    given = {name: values[-1] for name, values in parse_qs(posted[:2000], keep_blank_values=True).items()}
    scope, sort = given.get("scope") or "mine", given.get("sort", "")
    if scope not in queries.SCOPES or sort not in queries.SORTS or "\0" in given.get("q", ""):
        raise invalid([{"loc": ["query"], "msg": "this is no view of the inbox"}])
    return as_query(scope, given.get("q", "")[:LONGEST_QUERY].strip(), sort)
