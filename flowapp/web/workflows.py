"""Workflows: what is registered here, and for each the form that starts a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from flowapp.engine import queries, registry, runs
from flowapp.engine.errors import IdempotencyConflict, InvalidInput, StartSkipped
from flowapp.engine.reading.search import Filter
from flowapp.http import schema_form
from flowapp.http.access import CHANGERS, SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.web import answers, shell


@access(SIGNED_IN)
@require_GET
def workflow_list(request: HttpRequest) -> HttpResponse:
    """Every workflow in its newest version."""
    cards = [
        {"name": one.name, "version": one.version, "doc": one.doc, "fields": schema_form.fields(one.input_schema())}
        for one in registry.offered()
    ]
    return answers.page(request, "web/workflows.html", {"workflows": cards})


@access(SIGNED_IN)
@require_GET
def workflow_page(request: HttpRequest, name: str) -> HttpResponse:
    """One workflow: what it is, its latest runs, and the form that starts one."""
    definition = registry.find(name)
    return _page(request, name, schema_form.fields(definition.input_schema()))


@access(*CHANGERS)
@require_POST
def start(request: HttpRequest, name: str) -> HttpResponseBase:
    """Start a run from the form; wrong input keeps what was typed and names each field."""
    known = schema_form.fields(registry.find(name).input_schema())
    # The form carries a key made with the page: pressing twice, or again after going back, starts one run.
    key = request.POST.get("idempotency_key", "").replace("\0", "")[:100] or None
    reading = schema_form.read(known, request.POST)
    try:
        if reading.errors:
            raise InvalidInput(reading.errors)
        handle = runs.start(name, reading.data, by=actor_of(request), idempotency_key=key)
    except InvalidInput as wrong:
        return _page(request, name, known, typed=request.POST, errors=wrong.errors, status=422)
    except IdempotencyConflict:
        changed = {"loc": [], "msg": "This form already started a run with other values. Press Start once more."}
        return _page(request, name, known, typed=request.POST, errors=[changed], status=409)
    except StartSkipped as skipped:
        refused = {"loc": [], "msg": str(skipped)}
        return _page(request, name, known, typed=request.POST, errors=[refused], status=409)
    messages.success(request, f"Started {name}.")
    return redirect("run", run_id=handle.id)


def _page(
    request: HttpRequest,
    name: str,
    known: Sequence[schema_form.Field],
    *,
    typed: QueryDict | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    status: int = 200,
) -> HttpResponse:
    versions = [definition for definition in registry.all() if definition.name == name]
    context = {
        "workflow": versions[-1],
        "versions": versions,
        "schema": versions[-1].input_schema(),
        "fields": known if typed is None else schema_form.filled(known, typed, errors),
        "form_errors": schema_form.unplaced(known, errors),
        "has_errors": bool(errors),
        "may_start": shell.may_change(request),
        "idempotency_key": uuid4().hex,
        "recent": queries.run_page(Filter(workflow=name), limit=5).items,
    }
    return answers.page(request, "web/workflow.html", context, status=status)
