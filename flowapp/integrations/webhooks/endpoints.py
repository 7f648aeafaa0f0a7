"""Endpoints: the addresses that facts go out to. Making and changing them, trying them, sending again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from flowapp import audit
from flowapp.engine import clock
from flowapp.engine.facts import Fact
from flowapp.integrations import outbox
from flowapp.integrations.webhook_tables import DeliveryStatus, WebhookDelivery, WebhookEndpoint
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import current

from . import addresses, outgoing, signatures
from .addresses import BadTarget
from .errors import Disabled, Invalid, NotFound
from .signatures import Scheme, UnfitSecret

OVERLAP = timedelta(hours=24)  # for which requests are signed with the secret before as well, once rotated
MOST_PATTERNS = 50


@transaction.atomic
def create(
    *, name: str, url: str, events: Sequence[str], by: Actor, secret: str = "", id: UUID | None = None
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which is shown this once. Raises Invalid; IntegrityError for an id in use."""
    name, url, patterns = _fit(name, url, events)
    secret = _fit_secret(secret)
    endpoint = WebhookEndpoint(
        workspace_id=current(), id=id or uuid7(), name=name, url=url, events=patterns, created_at=clock.now()
    )
    endpoint.take_secret(secret)
    endpoint.save(force_insert=True)
    _note(endpoint, by, "webhook-endpoint.created", after=_shown(endpoint))
    outgoing.listener.forget()
    return endpoint, secret


@transaction.atomic
def update(endpoint_id: UUID, *, name: str, url: str, events: Sequence[str], by: Actor) -> WebhookEndpoint:
    """Change where it is and what it wants to hear of. Raises NotFound or Invalid."""
    endpoint = _locked(endpoint_id)
    before = _shown(endpoint)
    endpoint.name, endpoint.url, endpoint.events = _fit(name, url, events)
    endpoint.failing_since, endpoint.misses, endpoint.quiet_until = None, 0, None
    endpoint.save(update_fields=["name", "url", "events", "failing_since", "misses", "quiet_until"])
    _note(endpoint, by, "webhook-endpoint.changed", before=before, after=_shown(endpoint))
    return endpoint


@transaction.atomic
def rotate(endpoint_id: UUID, *, by: Actor, secret: str = "") -> tuple[WebhookEndpoint, str]:
    """A new secret, shown this once; for a day requests carry a signature of the one before as well."""
    endpoint, secret = _locked(endpoint_id), _fit_secret(secret)
    endpoint.rotate_secret(secret, old_until=clock.now() + OVERLAP)
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
    _note(endpoint, by, "webhook-endpoint.secret-rotated")
    return endpoint, secret


@transaction.atomic
def set_enabled(endpoint_id: UUID, enabled: bool, *, by: Actor) -> WebhookEndpoint:
    """Stop sending to it, or begin again with a clean slate. Raises NotFound."""
    endpoint = _locked(endpoint_id)
    if endpoint.enabled == enabled:
        return endpoint
    endpoint.enabled, endpoint.disabled_reason = enabled, ""
    endpoint.failing_since, endpoint.misses, endpoint.quiet_until = None, 0, None
    endpoint.save(update_fields=["enabled", "disabled_reason", "failing_since", "misses", "quiet_until"])
    _note(endpoint, by, "webhook-endpoint.enabled" if enabled else "webhook-endpoint.disabled")
    outgoing.listener.forget()
    return endpoint


@transaction.atomic
def send_test(endpoint_id: UUID, *, by: Actor) -> WebhookDelivery:
    """Send it a fact named `test`, whatever it wants to hear of. Raises NotFound or Disabled."""
    endpoint = _locked(endpoint_id)
    if not endpoint.enabled:
        raise Disabled
    data = {"message": f"Sent by {by.label} to try the endpoint."}
    (delivery,) = outgoing.enqueue([endpoint], Fact("test", f"test:{uuid4()}", clock.now(), data))
    _note(endpoint, by, "webhook-endpoint.tested")
    return delivery


@transaction.atomic
def replay(delivery_id: UUID, *, by: Actor) -> WebhookDelivery:
    """Send it once more, with the same id and body. Raises NotFound or Disabled."""
    known = WebhookDelivery.objects.filter(pk=delivery_id).values_list("endpoint_id", flat=True).first()
    if known is None:
        raise NotFound
    endpoint = _locked(known)
    if not endpoint.enabled:
        raise Disabled
    delivery = WebhookDelivery.objects.select_for_update(no_key=True).get(pk=delivery_id)
    if delivery.status != DeliveryStatus.PENDING:
        delivery.status, delivery.rounds, delivery.ended_at = DeliveryStatus.PENDING, delivery.rounds + 1, None
        delivery.save(update_fields=["status", "rounds", "ended_at"])
        carrier = outgoing.carrier(delivery)
        outbox.put(carrier.channel, carrier.key, carrier.payload, receiver=carrier.receiver)
        audit.record(
            by=by,
            verb="webhook-endpoint.replayed",
            target=f"webhook-endpoint:{endpoint.pk}",
            after={"delivery": str(delivery_id)},
        )
    return delivery


def _fit(name: str, url: str, events: Sequence[str]) -> tuple[str, str, list[str]]:
    name, url = name.strip(), url.strip()
    patterns = list(dict.fromkeys(one.strip() for one in events if one.strip()))
    wrong = {}
    if not 1 <= len(name) <= 100 or not name.isprintable():
        wrong["name"] = "1 to 100 characters"
    try:
        addresses.refuse_own(addresses.parse(url, settings.FLOWAPP_WEBHOOK_ALLOW), settings.FLOWAPP_BASE_URL)
    except BadTarget as bad:
        wrong["url"] = str(bad)
    if not 1 <= len(patterns) <= MOST_PATTERNS or not all(len(one) <= 200 and one.isprintable() for one in patterns):
        wrong["events"] = f"1 to {MOST_PATTERNS} names or patterns, such as run.* or order/created"
    if wrong:
        raise Invalid(wrong)
    return name, url, patterns


def _fit_secret(secret: str) -> str:
    secret = secret.strip() or signatures.new_secret()
    try:
        signatures.check_secret(Scheme.STANDARD, secret)
    except UnfitSecret as unfit:
        raise Invalid({"secret": str(unfit)}) from None
    return secret


def _locked(endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound
    return endpoint


def _shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {"name": endpoint.name, "url": endpoint.url, "events": endpoint.events}


def _note(endpoint: WebhookEndpoint, by: Actor, verb: str, before: Any = None, after: Any = None) -> None:
    shown = after or {"name": endpoint.name}
    audit.record(by=by, verb=verb, target=f"webhook-endpoint:{endpoint.pk}", before=before, after=shown)
