"""The inbox page, its fragments, and the one address that decides."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from approvals import actions, forms, queries
from approvals.actions.filling import Answer
from approvals.queries import PromptView
from approvals.states import PromptNotFound, PromptStatus, Refused, StepUpRequired
from approvals.views import answering, fragments, listing, presenting, stepping
from flowapp.http import second_factor
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import from_exception
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Role

MEMBERS = tuple(Role)


@access(*MEMBERS)
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The list of a scope, with nothing chosen."""
    return fragments.answer(request, listing.context(request) | {"selected": None})


@access(*MEMBERS)
@require_GET
def prompt(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """One prompt, beside the list it came from. Any member may read it."""
    fragment = fragments.asked_for(request)
    view = queries.prompt_detail(prompt_id)
    selected = presenting.detail(view, viewer=actor_of(request))
    if typed := stepping.typed(request, prompt_id):
        selected |= answering.sent_back(view, forms.answer(view, typed), typed)
    context = {"rows": []} if fragment == "detail" else listing.context(request)
    return fragments.answer(request, context | {"selected": selected})


@access(*MEMBERS)
@require_POST
def decide(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Decide, then show the prompt as it stands now; a refusal says why and keeps what was typed."""
    actor = actor_of(request)
    view = queries.prompt_detail(prompt_id)
    answer = forms.answer(view, request.POST)
    if forms.BACK in request.POST:
        context = presenting.detail(view, viewer=actor) | answering.sent_back(view, answer, request.POST)
        return _beside_list(request, context)
    try:
        if _is_open(view, answer, actor):
            answer.check(view)
            if answer.wants_review(view) and forms.CONFIRMED not in request.POST:
                context = presenting.detail(view, viewer=actor) | answering.review(view, answer, request.POST)
                return _beside_list(request, context)
        _decide(request, prompt_id, answer)
    except PromptNotFound:
        raise
    except Refused as refused:
        return _refusal(request, view, refused, answer)
    if not fragments.htmx(request):
        return redirect("prompt", prompt_id)
    selected = presenting.detail(queries.prompt_detail(prompt_id), viewer=actor)
    return fragments.answer(request, {"rows": [], "selected": selected})


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
        version=answer.counts_on,
        channel="web",
        second_factor_at=second_factor.given_at(request),
    )


def _refusal(request: HttpRequest, before: PromptView, refused: Refused, answer: Answer) -> HttpResponse:
    """The prompt as it stands now, why the decision was not taken, and what was typed."""
    view = queries.prompt_detail(before.id) if before.status == PromptStatus.PENDING else before
    back = answering.sent_back(view, answer, request.POST, refused)
    selected = presenting.refused(presenting.detail(view, viewer=actor_of(request)), refused, back)
    if isinstance(refused, StepUpRequired):
        selected |= stepping.asked(request, view.id)
    problem = from_exception(refused)
    return _beside_list(request, selected, status=problem.status if problem else 400)


def _beside_list(request: HttpRequest, selected: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {"rows": []} if fragments.asked_for(request) else listing.context(request)
    return fragments.answer(request, context | {"selected": selected}, status=status)
