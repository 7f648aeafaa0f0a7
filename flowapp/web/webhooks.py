"""Webhooks that come in: the list, making one, its secret once, and what it received, to be replayed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flowapp.engine import clock, registry, triggers
from flowapp.engine.triggering import events
from flowapp.http import schema_form
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.integrations.webhook_tables import InboundWebhook
from flowapp.integrations.webhooks import inbound, queries, receiving
from flowapp.integrations.webhooks.errors import Disabled, Invalid
from flowapp.integrations.webhooks.paging import Page
from flowapp.integrations.webhooks.signatures import Scheme
from flowapp.tenancy.models import Role
from flowapp.web import answers, shown_once

KEEPERS: Final = (Role.OWNER, Role.ADMIN)
SCHEMES: Final = {
    Scheme.GITHUB: "GitHub",
    Scheme.STRIPE: "Stripe",
    Scheme.STANDARD: "Standard Webhooks",
    Scheme.PLAIN: "Plain HMAC-SHA256",
}
_TEXT: Final = {"type": "string", "default": ""}
FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "scheme", "event"],
    "properties": {
        "name": {"type": "string", "description": "For people: which service calls."},
        "scheme": {
            "title": "Signed by",
            "oneOf": [{"const": str(scheme), "title": title} for scheme, title in SCHEMES.items()],
        },
        "event": {
            "type": "string",
            "title": "Becomes the event",
            "description": "A name such as github/{type}: {type} is what the sender says happened.",
        },
        "slug": _TEXT | {"description": "The end of its address. Made up and hard to guess unless you choose one."},
        "header": _TEXT
        | {
            "title": "Signature header",
            "description": f"For plain HMAC only: which header the signature is in ({inbound.DEFAULT_HEADER}).",
        },
        "secret": _TEXT
        | {
            "format": "password",
            "description": "Paste the one that the service shows, as Stripe does. Empty: one is made for you.",
        },
    },
}


@access(*KEEPERS)
@require_GET
def webhook_list(request: HttpRequest) -> HttpResponse:
    """The webhooks that come in, newest first."""
    page = _page(request)
    shown = [{"row": row, "scheme": SCHEMES[Scheme(row.scheme)]} for row in page.items]
    return answers.page(request, "web/webhooks.html", {"webhooks": shown, "next": page.next})


@access(*KEEPERS)
@require_http_methods(["GET", "POST"])
def webhook_new(request: HttpRequest) -> HttpResponseBase:
    """The form for a new webhook; once made, its page with the secret."""
    # The slug is made with the form: sending it twice, or again after going back, makes one webhook.
    if request.method == "GET":
        new = schema_form.fields(_with_slug(secrets.token_hex(12)))
        return answers.page(request, "web/webhook_new.html", {"fields": new})
    known = schema_form.fields(FORM)
    try:
        made, _ = inbound.create(**typed_into(known, request), by=actor_of(request))
    except Invalid as wrong:
        return _again(request, known, wrong.errors)
    shown_once.remember(request, made)
    return redirect("webhook", webhook_id=made.pk)


@access(*KEEPERS)
@require_GET
def webhook_page(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """One webhook: its address, what it starts, and its last deliveries."""
    row = queries.webhook(webhook_id)
    return show(request, row, secret=shown_once.take(request, row))


@access(*KEEPERS)
@require_POST
def webhook_verb(request: HttpRequest, webhook_id: UUID, verb: str) -> HttpResponseBase:
    """Rotate, enable, disable or test it."""
    by = actor_of(request)
    if verb == "rotate":
        try:
            row, _ = inbound.rotate(webhook_id, by=by, secret=request.POST.get("secret", ""))
        except Invalid as wrong:
            return show(request, queries.webhook(webhook_id), error=str(wrong), status=422)
        shown_once.remember(request, row)
    elif verb in ("enable", "disable"):
        row = inbound.set_enabled(webhook_id, verb == "enable", by=by)
        messages.success(request, f"{row.name} is {verb}d.")
    elif verb == "test":
        try:
            receiving.send_test(webhook_id, by=by)
        except Disabled as refused:
            return show(request, queries.webhook(webhook_id), error=str(refused), status=409)
        messages.success(request, "The test arrived, its signature is good, and its event is published.")
    else:
        raise Http404(f"A webhook has no verb {verb!r}.")
    return redirect("webhook", webhook_id=webhook_id)


@access(*KEEPERS)
@require_POST
def received_replay(request: HttpRequest, received_id: UUID) -> HttpResponseBase:
    """Publish what was delivered once more."""
    again = receiving.replay(received_id, by=actor_of(request))
    messages.success(request, f"Published {again.event_name} once more.")
    return redirect("webhook", webhook_id=again.webhook_id)


def typed_into(known: Sequence[schema_form.Field], request: HttpRequest) -> dict[str, Any]:
    """What was typed into a form, field by field; empty where nothing was. Raises Invalid."""
    reading = schema_form.read(known, request.POST)
    if reading.errors:
        raise Invalid({".".join(map(str, one["loc"])): one["msg"] for one in reading.errors})
    return {field.key: reading.data.get(field.key) or ([] if field.kind == "lines" else "") for field in known}


def show(
    request: HttpRequest, row: InboundWebhook, *, secret: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    """Its page; with a secret, which stands there this once and is kept by no cache."""
    try:
        page = queries.received(row.pk, cursor=request.GET.get("cursor") or None)
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None
    found = events.found_by_each([one.event_id for one in page.items])
    context = {
        "webhook": row,
        "scheme": SCHEMES[Scheme(row.scheme)],
        "address": f"{settings.FLOWAPP_BASE_URL}/hooks/{row.slug}",
        "rotating": row.old_secret_until if row.old_secret_until and row.old_secret_until > clock.now() else None,
        "starts": _started_by(row.slug),
        "deliveries": [
            {"row": one, "data": queries.data_of(one), "found": found.get(one.event_id)} for one in page.items
        ],
        "next": page.next,
        "secret": secret,
        "error": error,
    }
    response = answers.page(request, "web/webhook.html", context, status=status)
    if secret:
        add_never_cache_headers(response)
    return response


def _page(request: HttpRequest) -> Page[InboundWebhook]:
    try:
        return queries.webhooks(cursor=request.GET.get("cursor") or None)
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None


def _again(
    request: HttpRequest, known: Sequence[schema_form.Field], errors: Sequence[Mapping[str, Any]]
) -> HttpResponse:
    context = {
        "fields": schema_form.filled(known, request.POST, errors),
        "form_errors": schema_form.unplaced(known, errors),
        "has_errors": True,
    }
    return answers.page(request, "web/webhook_new.html", context, status=422)


def _with_slug(slug: str) -> dict[str, Any]:
    """The form with a slug in it already."""
    properties = FORM["properties"]
    return FORM | {"properties": properties | {"slug": properties["slug"] | {"default": slug}}}


def _started_by(slug: str) -> list[str]:
    """The workflows that name this webhook as their trigger."""
    return [
        one.name
        for one in registry.newest()
        if any(isinstance(trigger, triggers.Webhook) and trigger.slug == slug for trigger in one.triggers)
    ]
