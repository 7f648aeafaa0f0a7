"""The inbox page, its fragments, and the one address that decides."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST
from django_htmx.middleware import HtmxDetails

from approvals import actions, queries
from approvals.forms import DecideForm
from approvals.states import PromptNotFound, Refused
from approvals.views import presenting
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem, from_exception
from flowapp.http.requests import Request
from flowapp.tenancy.models import Role


class HtmxRequest(HttpRequest):
    """What django-htmx's middleware adds."""

    htmx: HtmxDetails


PAGE = "approvals/inbox.html"
FRAGMENTS = ("list", "detail")
PER_PAGE = 50
MEMBERS = tuple(Role)


@access(*MEMBERS)
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The list of a scope, with nothing chosen."""
    return _answer(request, _list(request) | {"selected": None})


@access(*MEMBERS)
@require_GET
def prompt(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """One prompt, beside the list it came from. Any member may read it."""
    fragment = _fragment(request)
    selected = presenting.detail(queries.prompt_detail(prompt_id), viewer=actor_of(request))
    context = {"rows": []} if fragment == "detail" else _list(request)
    return _answer(request, context | {"selected": selected})


@access(*MEMBERS)
@require_POST
def decide(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Decide, then show the prompt as it stands now; a refusal says why and keeps what was typed."""
    actor = actor_of(request)
    form = DecideForm(request.POST)
    refused: Refused | None = None
    try:
        if not form.is_valid():
            raise form.refusal()
        given = form.cleaned_data
        actions.decide(
            prompt_id,
            by=actor,
            outcome=given["outcome"],
            reasoning=given["reasoning"],
            data=given["answer"],
            version=given["version"],
            channel="web",
        )
    except PromptNotFound:
        raise
    except Refused as error:
        refused = error
    if refused is None and not _htmx(request):
        return redirect("prompt", prompt_id)
    selected = presenting.detail(queries.prompt_detail(prompt_id), viewer=actor)
    if refused is None:
        return _answer(request, {"rows": [], "selected": selected})
    selected = presenting.refused(selected, refused, request.POST)
    context = {"rows": []} if _fragment(request) else _list(request)
    problem = from_exception(refused)
    return _answer(request, context | {"selected": selected}, status=problem.status if problem else 400)


def _fragment(request: HttpRequest) -> str:
    """The part of the page that htmx asks for; empty for the whole page."""
    htmx = _htmx(request)
    return str(htmx.target) if htmx and htmx.target in FRAGMENTS else ""


def _htmx(request: HttpRequest) -> HtmxDetails:
    return cast("HtmxRequest", request).htmx


def _answer(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    fragment = _fragment(request)
    response = render(request, f"{PAGE}#{fragment}" if fragment else PAGE, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _list(request: HttpRequest) -> dict[str, Any]:
    member = cast("Request", request).member
    assert member is not None  # @access lets members in, and nobody else
    targets = queries.targets_of(member.pk)
    scope, query = request.GET.get("scope") or "mine", request.GET.get("q", "")[:200]
    try:
        page = queries.inbox(targets, scope=scope, query=query, cursor=request.GET.get("cursor"), limit=PER_PAGE)
    except ValueError as error:
        raise Problem("not-found", str(error)) from None
    return {
        "scopes": _scopes(queries.counts(targets), scope),
        "rows": page.items,
        "page": page,
        "query": query,
        "new_count": 0,
    }


def _scopes(counts: dict[str, int], active: str) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "label": label,
            "count": _count(counts.get(key)),
            "active": key == active,
            "url": f"{reverse('inbox')}?{urlencode({'scope': key})}",
        }
        for key, label in queries.SCOPES.items()
    ]


def _count(number: int | None) -> int | str | None:
    return f"{queries.COUNT_UP_TO}+" if number is not None and number > queries.COUNT_UP_TO else number
