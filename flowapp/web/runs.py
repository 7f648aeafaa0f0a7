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
from flowapp.engine import clock, queries, runs, states
from flowapp.engine.errors import IllegalState, InvalidSignal, RunNotFound
from flowapp.engine.reading import relatives, search, waited
from flowapp.engine.states import allows
from flowapp.engine.upkeep import retention
from flowapp.engine.verbs import output
from flowapp.http.access import CHANGERS, SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.web import answers, folding, run_bulk, run_filters, run_inside, shell, waterfall, wording

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
    asked = run_filters.read(request.GET)
    try:
        nothing: queries.Page[queries.RunRow] = queries.Page([], None)
        page = (
            nothing if asked.where is None else queries.run_page(asked.where, cursor=request.GET.get("cursor") or None)
        )
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None
    context = {
        "page": page,
        "asked": asked,
        "filters": run_filters.STATUSES,
        "within": run_filters.WITHIN,
        "workflows": run_filters.workflows(asked.workflow),
        "search_fields": search.fields(asked.workflow or None),
        "may_bulk": run_bulk.may_manage(request),
    }
    return answers.page(request, "web/runs.html", context, status=422 if asked.wrong else 200)


@access(SIGNED_IN)
@require_GET
def run_page(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: facts, what it waits for and on whom, its steps on a time axis, what went in and came out."""
    try:
        return _run_page(request, run_id)
    except RunNotFound:
        return _archived(request, run_id)


def _archived(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What is left of a run that retention archived. Raises RunNotFound, in the end, for one that never was."""
    document = retention.archived(run_id)
    context = {
        "run_id": run_id,
        "document": document,
        "archived_at": document.pop("archived_at"),
        "steps": document.pop("steps"),
        "lines": document.pop("log"),
    }
    return answers.page(request, "web/run_archived.html", context)


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
    except (_Typed, InvalidSignal) as wrong:
        return _run_page(request, run_id, error=str(wrong), open_verb=verb, status=422)
    messages.success(request, _DONE.get(verb, "Forked: this is the new run."))
    return redirect("run", run_id=target)


class _Typed(ValueError):
    """Something typed into a verb's form cannot be used."""


def _do(request: HttpRequest, run_id: UUID, verb: str) -> UUID:
    by = actor_of(request)
    if verb == "signal":
        name = request.POST.get("name", "").strip()
        if not name or len(name) > 200 or "\0" in name:
            raise _Typed("Name the signal, in at most 200 characters.")
        return runs.signal(run_id, name, _json(request.POST.get("data", "")), by=by).id
    if verb == "cancel":
        return runs.cancel(run_id, by=by, reason=request.POST.get("reason", "").replace("\0", "").strip()).id
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
    run = queries.run_detail(run_id, steps=False)
    steps = queries.step_page(run_id, shown=True)
    lines, earlier = output.lines(run_id)
    drawn = _drawn(run, steps)
    context = {
        "run": run,
        "short_id": str(run.id)[-8:],
        "waterfall": drawn,
        "rows": folding.rows(drawn.bars),
        "steps": queries.shown_steps(run_id) if steps.next else len(steps.items),
        "retried": sum(step.attempts > 1 for step in steps.items),
        "more_steps": steps.next,
        "last_steps": queries.last_step_page(run_id) if steps.next else None,
        "behind": relatives.waited_for(run_id, run_inside.child_steps(steps.items)),
        "children": relatives.statuses_below(run_id),
        "lines": lines,
        "earlier_lines": earlier,
        "streams": output.streams(run_id),
        "waits": _waits(run),
        "live": run.status not in states.TERMINAL,
        "verbs": _verbs(run.status) if shell.may_change(request) else {},
        "waited": _waited(run_id, steps),
        "error": error,
        "open_verb": open_verb,
        "typed": request.POST,
    }
    return answers.page(request, "web/run.html", context, status=status)


def _waited(run_id: UUID, steps: queries.Page[queries.StepRow]) -> str:
    """How long the run waited on people; empty when it asked nobody."""
    if not steps.next:
        return waterfall.waited(steps.items, clock.now())
    found = waited.on(run_id, waterfall.PEOPLE, now=clock.now())
    return "" if found is None else wording.took(found)


def _verbs(status: str) -> dict[str, bool]:
    """Which buttons the run's status gives sense to. Cancelling what has ended is allowed, but does nothing."""
    return {verb: allows(verb, status) for verb in VERBS} | {"cancel": status not in states.TERMINAL}


def _waits(run: queries.RunDetail) -> list[dict[str, Any]]:
    """What the run waits for, each with its prompt where it is one."""
    asked = approvals.asked_of_run(run.id) if any(wait.kind == "prompt" for wait in run.waiting_on) else {}
    return [{"on": wait, "prompt": asked.get(f"{wait.name}#{wait.occurrence}")} for wait in run.waiting_on]


def _drawn(run: queries.RunDetail, steps: queries.Page[queries.StepRow]) -> waterfall.Waterfall:
    """The first page of steps: of a long run its axis ends with them."""
    ends = [step.ended_at for step in steps.items if step.ended_at]
    until = max(ends) if steps.next and ends else run.ended_at or clock.now()
    return waterfall.draw(steps.items, since=run.started_at or run.created_at, until=until)
