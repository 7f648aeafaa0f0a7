"""The rules that admins keep: the list, one with its history, and a try on the last prompts before it is saved."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals import actions
from approvals.actions import Draft
from approvals.actions.trying import Trial
from approvals.policies import facts
from approvals.policies.rules import ASK, Rule
from approvals.queries import policies as queries
from approvals.queries.policies import PolicyView
from approvals.states import InvalidPolicy, NotNow
from flowapp.engine import registry
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem
from flowapp.tenancy.models import Role

KEEPERS = (Role.OWNER, Role.ADMIN)
LIST, ONE = "approvals/policies.html", "approvals/policy.html"
TRY = "try"  # the button that only tries
_WHAT = {"enable": True, "disable": False}


@access(*KEEPERS)
@require_GET
def policy_list(request: HttpRequest) -> HttpResponse:
    """The policies, in the order in which they are looked at."""
    try:
        page = queries.policy_page(cursor=request.GET.get("cursor"))
    except ValueError:
        raise Problem("not-found", "There is no such page of policies.") from None
    return render(request, LIST, {"page": page})


@access(*KEEPERS)
@require_http_methods(["GET", "POST"])
def policy_new(request: HttpRequest) -> HttpResponse:
    """A new policy, tried and saved from the same form."""
    if request.method == "GET":
        return _form(request, None, {"outcome": "approve"})
    if TRY in request.POST:
        return _tried(request, None)
    try:
        made = actions.create_policy(
            name=request.POST.get("name", ""), draft=_draft(request), by=actor_of(request), enabled=True
        )
    except InvalidPolicy as invalid:
        return _form(request, None, request.POST, errors=invalid.errors, status=422)
    messages.success(request, f"{made.name} is in force.")
    return redirect("policy", policy_id=made.pk)


@access(*KEEPERS)
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """One policy: what it says, what it said, and the form that saves a version more."""
    view = queries.policy_detail(policy_id)
    if request.method == "GET":
        return _form(request, view, _typed(view))
    if TRY in request.POST:
        return _tried(request, view)
    number = request.POST.get("number", "")
    try:
        saved = actions.save_version(
            policy_id,
            draft=_draft(request),
            by=actor_of(request),
            number=int(number) if number.isdecimal() and len(number) < 10 else None,
        )
    except InvalidPolicy as invalid:
        return _form(request, view, request.POST, errors=invalid.errors, status=422)
    except NotNow as stale:
        errors = [{"field": "", "msg": str(stale)}]
        return _form(request, queries.policy_detail(policy_id), request.POST, errors=errors, status=409)
    said = f"Version {saved.number} is in force." if view.enabled else f"Saved version {saved.number}."
    messages.success(request, said)
    return redirect("policy", policy_id=policy_id)


@access(*KEEPERS)
@require_POST
def policy_turn(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """Put a policy in force or out of it: `what` is enable or disable."""
    what = request.POST.get("what", "")
    queries.policy_detail(policy_id)
    if what not in _WHAT:
        raise Problem("invalid", "what: choose enable or disable.", 422)
    actions.set_enabled(policy_id, enabled=_WHAT[what], by=actor_of(request))
    return redirect("policies")


@access(*KEEPERS)
@require_POST
def policy_move(request: HttpRequest, policy_id: UUID) -> HttpResponse:
    """Have a policy looked at earlier or later: `position` from 1."""
    queries.policy_detail(policy_id)
    position = request.POST.get("position", "")
    if not position.isdecimal() or len(position) > 6:
        raise Problem("invalid", "position: a number from 1 on.", 422)
    actions.move(policy_id, position=int(position), by=actor_of(request))
    return redirect("policies")


def _draft(request: HttpRequest) -> Draft:
    return Draft(*(request.POST.get(name, "").replace("\r\n", "\n") for name in Draft.__slots__)).tidied()


def _tried(request: HttpRequest, view: PolicyView | None) -> HttpResponse:
    """What the draft would have done, beside the form as it was typed."""
    draft = _draft(request)
    try:
        actions.check_policy(draft)
    except InvalidPolicy as invalid:
        return _form(request, view, request.POST, errors=invalid.errors, status=422)
    rule = Rule("", "", 0, draft.expression, draft.outcome, draft.workflow, draft.prompt)
    return _form(request, view, request.POST, trial=actions.trial(rule))


def _form(
    request: HttpRequest,
    view: PolicyView | None,
    typed: Any,
    *,
    errors: list[dict[str, Any]] | None = None,
    trial: Trial | None = None,
    status: int = 200,
) -> HttpResponse:
    known = [definition.name for definition in registry.offered()]
    context = {
        "policy": view,
        "typed": typed,
        "errors": _by_field(errors or []),
        "trial": trial,
        "unchecked": _unchecked(view, _draft(request) if trial else None),
        "ask": ASK,
        "workflows": sorted({*known, *filter(None, [typed.get("workflow", "")])}),
        "meanings": facts.MEANINGS,
        "versions": queries.version_page(view.id).items if view else [],
    }
    # htmx swaps the outcome of a try alone; what is wrong with the form is said there too.
    fragment = "#trial" if request.headers.get("HX-Target") == "trial" else ""
    response = render(request, f"{ONE}{fragment}", context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _unchecked(view: PolicyView | None, draft: Draft | None) -> list[str]:
    """What could not be checked: of the draft that was tried, else of the version in force."""
    if draft is None and view is not None:
        draft = Draft(*(getattr(view.current, name) for name in Draft.__slots__))
    return actions.unchecked(draft) if draft else []


def _by_field(errors: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for error in errors:
        found.setdefault(error["field"] or "form", []).append(str(error["msg"]))
    return found


def _typed(view: PolicyView) -> dict[str, str]:
    current = view.current
    return {name: getattr(current, name) for name in Draft.__slots__} | {"name": view.name}
