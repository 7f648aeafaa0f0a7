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

from approvals import actions, forms, queries
from approvals.forms import Answer
from approvals.queries import PromptView
from approvals.states import PromptNotFound, PromptStatus, Refused, StepUpRequired
from approvals.views import answering, presenting, stepping
from flowapp.http import second_factor
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem, from_exception
from flowapp.http.requests import Request
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Role


class HtmxRequest(HttpRequest):
    """What django-htmx's middleware adds."""

    htmx: HtmxDetails


PAGE = "approvals/inbox.html"
FRAGMENTS = ("list", "detail")
PER_PAGE = 50
MEMBERS = tuple(Role)
NO_VERSION = 0  # an answer that cannot be read must not count, whatever has changed in the meantime


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
    view = queries.prompt_detail(prompt_id)
    selected = presenting.detail(view, viewer=actor_of(request))
    if typed := stepping.typed(request, prompt_id):
        selected |= answering.sent_back(view, forms.answer(view, typed), typed)
    context = {"rows": []} if fragment == "detail" else _list(request)
    return _answer(request, context | {"selected": selected})


@access(*MEMBERS)
@require_POST
def decide(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Decide, then show the prompt as it stands now; a refusal says why and keeps what was typed."""
    actor = actor_of(request)
    view = queries.prompt_detail(prompt_id)
    answer = forms.answer(view, request.POST)
    if forms.BACK in request.POST:
        shown = presenting.detail(view, viewer=actor) | answering.sent_back(view, answer, request.POST)
        return _beside_list(request, shown)
    try:
        if _is_open(view, answer, actor):
            answer.check(view)
            if answer.wants_review(view) and forms.CONFIRMED not in request.POST:
                shown = presenting.detail(view, viewer=actor) | answering.review(view, answer, request.POST)
                return _beside_list(request, shown)
        _decide(request, prompt_id, answer)
    except PromptNotFound:
        raise
    except Refused as refused:
        return _refusal(request, prompt_id, refused, answer)
    if not _htmx(request):
        return redirect("prompt", prompt_id)
    selected = presenting.detail(queries.prompt_detail(prompt_id), viewer=actor)
    return _answer(request, {"rows": [], "selected": selected})


def _is_open(view: PromptView, answer: Answer, actor: Actor) -> bool:
    """Whether an answer would count; where it would not, deciding says why and notes it."""
    return (
        view.status == PromptStatus.PENDING
        and answer.version in (None, view.version)
        and actions.why_not(view.id, by=actor) is None
    )


def _decide(request: HttpRequest, prompt_id: UUID, answer: Answer) -> None:
    actions.decide(
        prompt_id,
        by=actor_of(request),
        outcome=answer.outcome,
        reasoning=answer.reasoning,
        data=answer.data,
        version=NO_VERSION if answer.errors else answer.version,
        channel="web",
        second_factor_at=second_factor.given_at(request),
    )


def _refusal(request: HttpRequest, prompt_id: UUID, refused: Refused, answer: Answer) -> HttpResponse:
    """The prompt as it stands now, why the decision was not taken, and what was typed."""
    view = queries.prompt_detail(prompt_id)
    back = answering.sent_back(view, answer, request.POST, refused)
    selected = presenting.refused(presenting.detail(view, viewer=actor_of(request)), refused, back)
    if isinstance(refused, StepUpRequired):
        selected |= stepping.asked(request, prompt_id)
    problem = from_exception(refused)
    return _beside_list(request, selected, status=problem.status if problem else 400)


def _beside_list(request: HttpRequest, selected: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {"rows": []} if _fragment(request) else _list(request)
    return _answer(request, context | {"selected": selected}, status=status)


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
