"""Endpoints that facts go out to: the list, making and changing one, its secret once, its deliveries and attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers
from django.utils.crypto import salted_hmac
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from pydantic_core import from_json, to_json

from flowapp.engine import clock
from flowapp.http import schema_form
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.integrations.webhook_tables import WebhookEndpoint
from flowapp.integrations.webhooks import endpoints, queries
from flowapp.integrations.webhooks.errors import Disabled, Invalid
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import current
from flowapp.web import answers, shown_once
from flowapp.web.webhooks import KEEPERS, typed_into

_CHANGED: Final[dict[str, Any]] = {
    "name": {"type": "string", "description": "For people: who is told."},
    "url": {"type": "string", "title": "Address", "description": "Such as https://example.com/hooks."},
    "events": {
        "type": "array",
        "items": {"type": "string"},
        "title": "Is told of",
        "description": "Names of events and facts; * stands for anything: run.failed, prompt.*, order/created.",
    },
}
_SECRET: Final = {
    "type": "string",
    "default": "",
    "format": "password",
    "description": "whsec_ and base64, if the receiver chose one. Empty: one is made for you.",
}
CHANGE: Final = {"type": "object", "required": ["name", "url", "events"], "properties": _CHANGED}
MAKE: Final = CHANGE | {"properties": _CHANGED | {"secret": _SECRET}}
_RANDOM: Final = 62  # bits at the end of an id


@access(*KEEPERS)
@require_GET
def endpoint_list(request: HttpRequest) -> HttpResponse:
    """The endpoints, newest first."""
    try:
        page = queries.endpoints(cursor=request.GET.get("cursor") or None)
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None
    return answers.page(request, "web/endpoints.html", {"endpoints": page.items, "next": page.next})


@access(*KEEPERS)
@require_http_methods(["GET", "POST"])
def endpoint_new(request: HttpRequest) -> HttpResponseBase:
    """The form for a new endpoint; once made, its page with the secret."""
    known = schema_form.fields(MAKE)
    form = _form(request.POST.get("id", ""))
    if request.method == "GET":
        return answers.page(request, "web/endpoint_new.html", {"fields": known, "id": form})
    try:
        typed = typed_into(known, request)
        id = _id(form, typed)
        made, _ = endpoints.create(**typed, by=actor_of(request), id=id)
    except Invalid as wrong:
        context = {**_again(known, request, wrong.errors), "id": form}
        return answers.page(request, "web/endpoint_new.html", context, status=422)
    except IntegrityError:
        return redirect("webhook-endpoint", endpoint_id=id)
    shown_once.remember(request, made)
    return redirect("webhook-endpoint", endpoint_id=made.pk)


def _form(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError:
        return uuid7()


def _id(form: UUID, typed: Mapping[str, Any]) -> UUID:
    """The id of what a form makes: the same sent twice, or again after going back, makes one; changed, another.

    It holds for this workspace only, and keeps the form's time, which endpoints are in order of.
    """
    told = salted_hmac("flowapp.endpoint-form", to_json([current(), form, typed]), algorithm="sha256").digest()
    return UUID(int=form.int >> _RANDOM << _RANDOM | int.from_bytes(told) >> (256 - _RANDOM))


@access(*KEEPERS)
@require_http_methods(["GET", "POST"])
def endpoint_page(request: HttpRequest, endpoint_id: UUID) -> HttpResponseBase:
    """One endpoint: how it does, its deliveries, and the form that changes it."""
    row = queries.endpoint(endpoint_id)
    if request.method == "GET":
        return show(request, row, secret=shown_once.take(request, row))
    known = _fields(row)
    try:
        endpoints.update(endpoint_id, **typed_into(known, request), by=actor_of(request))
    except Invalid as wrong:
        return show(request, row, form=_again(known, request, wrong.errors), status=422)
    messages.success(request, "Saved.")
    return redirect("webhook-endpoint", endpoint_id=endpoint_id)


@access(*KEEPERS)
@require_POST
def endpoint_verb(request: HttpRequest, endpoint_id: UUID, verb: str) -> HttpResponseBase:
    """Rotate, enable, disable or test it."""
    by = actor_of(request)
    if verb == "rotate":
        row, _ = endpoints.rotate(endpoint_id, by=by)
        shown_once.remember(request, row)
    elif verb in ("enable", "disable"):
        row = endpoints.set_enabled(endpoint_id, verb == "enable", by=by)
        messages.success(request, f"{row.name} is {verb}d.")
    elif verb == "test":
        try:
            endpoints.send_test(endpoint_id, by=by)
        except Disabled as refused:
            return show(request, queries.endpoint(endpoint_id), error=str(refused), status=409)
        messages.success(request, "The test is on its way.")
    else:
        raise Http404(f"An endpoint has no verb {verb!r}.")
    return redirect("webhook-endpoint", endpoint_id=endpoint_id)


@access(*KEEPERS)
@require_GET
def delivery_page(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    """One delivery: what is sent, and every attempt."""
    row = queries.delivery(endpoint_id, delivery_id)
    context = {
        "delivery": row,
        "endpoint": queries.endpoint(endpoint_id),
        "content": from_json(bytes(row.body)),
        "tries": queries.attempts(delivery_id),
    }
    return answers.page(request, "web/webhook_delivery.html", context)


@access(*KEEPERS)
@require_POST
def delivery_replay(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponseBase:
    """Send it once more."""
    row = queries.delivery(endpoint_id, delivery_id)
    try:
        endpoints.replay(row.pk, by=actor_of(request))
    except Disabled as refused:
        return show(request, queries.endpoint(endpoint_id), error=str(refused), status=409)
    messages.success(request, "It is on its way once more.")
    return redirect("webhook-delivery", endpoint_id=endpoint_id, delivery_id=delivery_id)


def show(
    request: HttpRequest,
    row: WebhookEndpoint,
    *,
    secret: str = "",
    error: str = "",
    form: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Its page; with a secret, which stands there this once and is kept by no cache."""
    try:
        page = queries.deliveries(row.pk, cursor=request.GET.get("cursor") or None)
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None
    context = {
        "endpoint": row,
        "rotating": row.old_secret_until if row.old_secret_until and row.old_secret_until > clock.now() else None,
        "page": page,
        "secret": secret,
        "error": error,
        **(form or {"fields": _fields(row)}),
    }
    response = answers.page(request, "web/endpoint.html", context, status=status)
    if secret:
        add_never_cache_headers(response)
    return response


def _fields(row: WebhookEndpoint) -> list[schema_form.Field]:
    return schema_form.fields(CHANGE, given={"name": row.name, "url": row.url, "events": row.events})


def _again(
    known: Sequence[schema_form.Field], request: HttpRequest, errors: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "fields": schema_form.filled(known, request.POST, errors),
        "form_errors": schema_form.unplaced(known, errors),
        "has_errors": True,
    }
