"""Webhooks that come in: making them, rotating their secrets, turning them off and on."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from flowapp import audit
from flowapp.engine import clock
from flowapp.integrations.webhook_tables import InboundWebhook
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import current

from . import signatures
from .errors import Invalid, NotFound
from .signatures import Scheme, UnfitSecret

OVERLAP = timedelta(hours=24)  # how long the secret before still counts, once rotated
DEFAULT_HEADER = "X-Signature"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{2,63}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


@transaction.atomic
def create(
    *, name: str, event: str, scheme: str, by: Actor, slug: str = "", header: str = "", secret: str = ""
) -> tuple[InboundWebhook, str]:
    """A new webhook and its secret, which is shown this once; slug and secret are made up unless given.

    Raises Invalid.
    """
    slug, secret = slug.strip() or secrets.token_hex(12), secret.strip() or signatures.new_secret()
    header = (header.strip() or DEFAULT_HEADER) if scheme == Scheme.PLAIN else ""
    wrong = _what_is_wrong(name=name.strip(), slug=slug, event=event.strip(), scheme=scheme, header=header)
    wrong |= {} if "scheme" in wrong else _unfit(scheme, secret)
    if wrong:
        raise Invalid(wrong)
    webhook = InboundWebhook(
        workspace_id=current(),
        name=name.strip(),
        slug=slug,
        event=event.strip(),
        scheme=scheme,
        header=header,
        created_at=clock.now(),
    )
    webhook.take_secret(secret)
    try:
        with transaction.atomic():
            webhook.save(force_insert=True)
    except IntegrityError:
        raise Invalid({"slug": "taken: choose another, or leave it empty"}) from None
    shown = {"name": webhook.name, "slug": slug, "event": webhook.event, "scheme": scheme}
    _note(webhook, by, "webhook.created", after=shown)
    return webhook, secret


@transaction.atomic
def rotate(webhook_id: UUID, *, by: Actor, secret: str = "") -> tuple[InboundWebhook, str]:
    """A new secret, shown this once; the one before still counts for a day. Raises NotFound or Invalid."""
    webhook = _locked(webhook_id)
    secret = secret.strip() or signatures.new_secret()
    if wrong := _unfit(webhook.scheme, secret):
        raise Invalid(wrong)
    webhook.rotate_secret(secret, old_until=clock.now() + OVERLAP)
    webhook.save(update_fields=["secret", "old_secret", "old_secret_until"])
    _note(webhook, by, "webhook.secret-rotated")
    return webhook, secret


@transaction.atomic
def set_enabled(webhook_id: UUID, enabled: bool, *, by: Actor) -> InboundWebhook:
    """Turn a webhook off, so that its address leads nowhere, or on again. Raises NotFound."""
    webhook = _locked(webhook_id)
    if webhook.enabled != enabled:
        webhook.enabled = enabled
        webhook.save(update_fields=["enabled"])
        _note(webhook, by, "webhook.enabled" if enabled else "webhook.disabled")
    return webhook


def _what_is_wrong(*, name: str, slug: str, event: str, scheme: str, header: str) -> dict[str, str]:
    wrong = {}
    if not 1 <= len(name) <= 100 or not name.isprintable():
        wrong["name"] = "1 to 100 characters"
    if not _SLUG.fullmatch(slug):
        wrong["slug"] = "3 to 64 small letters, digits and hyphens"
    if not 1 <= len(event) <= 200 or not event.isprintable():
        wrong["event"] = "the event's name, 1 to 200 characters"
    if scheme not in list(Scheme):
        wrong["scheme"] = f"one of {', '.join(Scheme)}"
    if header and not _HEADER.fullmatch(header):
        wrong["header"] = "a header's name: letters, digits and hyphens"
    return wrong


def _unfit(scheme: str, secret: str) -> dict[str, str]:
    try:
        signatures.check_secret(Scheme(scheme), secret)
    except UnfitSecret as unfit:
        return {"secret": str(unfit)}
    return {}


def _locked(webhook_id: UUID) -> InboundWebhook:
    webhook = InboundWebhook.objects.select_for_update(no_key=True).filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound
    return webhook


def _note(webhook: InboundWebhook, by: Actor, verb: str, after: dict[str, Any] | None = None) -> None:
    audit.record(by=by, verb=verb, target=f"webhook:{webhook.pk}", after=after or {"name": webhook.name})
