"""Runs: the list with its filters, one run with its waterfall, and the verbs a reader may use on it."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from approvals import queries as approvals
from flowapp.engine import clock, queries, registry, runs, states
from flowapp.engine.errors import IllegalState
from flowapp.engine.states import RunStatus, allows
from flowapp.http.access import CHANGERS, SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.web import answers, shell, waterfall

FILTERS: Final = (
    RunStatus.RUNNING,
    RunStatus.WAITING,
    RunStatus.NEEDS_ATTENTION,
    RunStatus.FAILED,
    RunStatus.COMPLETED,
    RunStatus.CANCELLED,
)
VERBS: Final = ("signal", "pause", "resume", "retry", "fork", "cancel")
_DONE: Final = {
    "pause": "The run is held; what arrives meanwhile is kept.",
    "resume": "The run goes on.",
    "retry": "The run tries again; what succeeded is kept.",
    "cancel": "The run was cancelled.",
    "signal": "The signal is on its way.",
}


@access(SIGNED_IN)
@require_GET
def run_list(request: HttpRequest) -> HttpResponse:
    """Runs, newest first, filtered by the URL."""
    status, workflow = request.GET.get("status", ""), request.GET.get("workflow", "")
    try:
        page = queries.run_page(
            status=status if status in set(RunStatus) else None,
            workflow=workflow or None,
            cursor=request.GET.get("cursor") or None,
        )
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None
    context = {
        "page": page,
        "filters": FILTERS,
        "status": status,
        "workflow": workflow,
        "workflows": sorted({definition.name for definition in registry.all()} | ({workflow} - {""})),
    }
    return answers.page(request, "web/runs.html", context)


@access(SIGNED_IN)
@require_GET
def run_page(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: facts, what it waits for and on whom, its steps on a time axis, what went in and came out."""
    return _run_page(request, run_id)


@access(SIGNED_IN)
@require_GET
def run_steps(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Further steps of a run with more than the first page holds."""
    run = queries.run_detail(run_id)
    steps = queries.step_page(run_id, cursor=request.GET.get("cursor") or None)
    context = {"run": run, "waterfall": _drawn(run, steps.items), "next": steps.next}
    return answers.page(request, "web/run_steps.html", context)


@access(*CHANGERS)
@require_POST
def run_verb(request: HttpRequest, run_id: UUID, verb: str) -> HttpResponseBase:
    """Do one of VERBS, then show the run again; what it refuses is said on the page, with what was typed."""
    if verb not in VERBS:
        raise Http404(f"A run has no verb {verb!r}.")
    try:
        target = _do(request, run_id, verb)
    except IllegalState as refused:
        return _run_page(request, run_id, error=str(refused), status=409)
    except _Typed as wrong:
        return _run_page(request, run_id, error=str(wrong), open_verb=verb, status=422)
    messages.success(request, _DONE.get(verb, "Forked: this is the new run."))
    return redirect("run", run_id=target)


class _Typed(ValueError):
    """Something typed into a verb's form cannot be used."""


def _do(request: HttpRequest, run_id: UUID, verb: str) -> UUID:
    by = actor_of(request)
    if verb == "signal":
        name = request.POST.get("name", "").strip()
        if not name:
            raise _Typed("Name the signal.")
        return runs.signal(run_id, name, _json(request.POST.get("data", "")), by=by).id
    if verb == "cancel":
        return runs.cancel(run_id, by=by, reason=request.POST.get("reason", "").strip()).id
    if verb == "fork":
        return runs.fork(run_id, request.POST.get("from_step", ""), by=by).id
    simple = {"pause": runs.pause, "resume": runs.resume, "retry": runs.retry}
    return simple[verb](run_id, by=by).id


def _json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise _Typed(f"The data is not JSON: {error}") from None


def _run_page(
    request: HttpRequest, run_id: UUID, *, error: str = "", open_verb: str = "", status: int = 200
) -> HttpResponse:
    run = queries.run_detail(run_id)
    steps = queries.step_page(run_id) if len(run.steps) >= queries.STEPS_SHOWN else None
    context = {
        "run": run,
        "short_id": str(run.id)[-8:],
        "waterfall": _drawn(run, run.steps),
        "retried": sum(step.attempts > 1 for step in run.steps),
        "more_steps": steps.next if steps else None,
        "waits": _waits(run),
        "live": run.status not in states.TERMINAL,
        "verbs": _verbs(run.status) if shell.may_change(request) else {},
        "waited": waterfall.waited(run.steps, clock.now()),
        "error": error,
        "open_verb": open_verb,
        "typed": request.POST,
    }
    return answers.page(request, "web/run.html", context, status=status)


def _verbs(status: str) -> dict[str, bool]:
    """Which buttons the run's status gives sense to. Cancelling what has ended is allowed, but does nothing."""
    return {verb: allows(verb, status) for verb in VERBS} | {"cancel": status not in states.TERMINAL}


def _waits(run: queries.RunDetail) -> list[dict[str, Any]]:
    """What the run waits for, each with its prompt where it is one."""
    asked = approvals.asked_of_run(run.id) if any(wait.kind == "prompt" for wait in run.waiting_on) else {}
    return [{"on": wait, "prompt": asked.get(f"{wait.name}#{wait.occurrence}")} for wait in run.waiting_on]


def _drawn(run: queries.RunDetail, steps: list[queries.StepRow]) -> waterfall.Waterfall:
    return waterfall.draw(steps, since=run.started_at or run.created_at, until=run.ended_at or clock.now())
