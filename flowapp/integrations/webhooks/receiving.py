"""What comes in at a webhook: judged by its signature, and turned into an event, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from pydantic_core import to_json

from flowapp import audit
from flowapp.engine import clock, codec
from flowapp.engine.triggering import events
from flowapp.engine.triggers import Webhook
from flowapp.integrations.webhook_tables import InboundDelivery, InboundWebhook
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import scoped

from . import bodies, loops, signatures
from .bodies import Unusable
from .errors import Disabled, GoesRound, NotFound, Refused
from .signatures import BadSignature, Scheme


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery that was accepted; `duplicate` when its id was known already and nothing happened."""

    delivery: InboundDelivery
    duplicate: bool


def receive(slug: str, headers: Mapping[str, str], body: bytes) -> Received:
    """Take a request, its headers by their names in lower case; it has become an event when this returns.

    Raises NotFound, Refused for a bad signature, GoesRound for what Flowapp sent itself, or Unusable for a body that
    no event can carry.
    """
    webhook = InboundWebhook.unscoped.filter(slug=slug, enabled=True).first()
    if webhook is None:
        raise NotFound
    with scoped(webhook.workspace_id):
        return _judge(webhook, headers, body, "received")


def refuse(refused: Refused) -> None:
    """Note in the audit log that a request was refused."""
    with scoped(refused.workspace_id):
        webhook = InboundWebhook.objects.get(pk=refused.webhook_id)
        target = f"webhook:{webhook.pk}"
        audit.record(by=_sender(webhook), verb="webhook.refused", target=target, reason=str(refused), channel="webhook")


def send_test(webhook_id: UUID, *, by: Actor) -> Received:
    """Send the webhook a signed request as its service would, by the same path. Raises NotFound or Disabled."""
    webhook = InboundWebhook.objects.filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound
    if not webhook.enabled:
        raise Disabled
    id, now = f"test-{uuid4().hex}", clock.now()
    body = to_json({"id": id, "type": "test", "message": f"Sent by {by.label} to try the webhook."})
    secrets = webhook.secrets(now)[:1]
    headers = signatures.sign(Scheme(webhook.scheme), secrets, body, id=id, at=now, header=webhook.header)
    headers |= {"content-type": "application/json", "x-github-event": "test"}
    with transaction.atomic():
        received = _judge(webhook, {name.lower(): value for name, value in headers.items()}, body, "test")
        audit.record(by=by, verb="webhook.tested", target=f"webhook:{webhook.pk}", after={"name": webhook.name})
    return received


@transaction.atomic
def replay(delivery_id: UUID, *, by: Actor) -> InboundDelivery:
    """Publish what was delivered once more, as a new event. Raises NotFound."""
    first = InboundDelivery.objects.filter(pk=delivery_id).select_related("webhook").first()
    if first is None:
        raise NotFound
    data, once_more = codec.plain(first.data), f"replay-{uuid4().hex}"
    again = _accept(first.webhook, first.event_name, data, external_id=once_more, kind="replay")
    target, after = f"webhook:{first.webhook_id}", {"delivery": str(first.pk)}
    audit.record(by=by, verb="webhook.replayed", target=target, after=after)
    return again


def _judge(webhook: InboundWebhook, headers: Mapping[str, str], body: bytes, kind: str) -> Received:
    scheme, now = Scheme(webhook.scheme), clock.now()
    try:
        signatures.verify(scheme, webhook.secrets(now), body, headers, now=now, header=webhook.header)
    except BadSignature as bad:
        raise Refused(webhook.pk, webhook.workspace_id, str(bad)) from None
    hops = _hops(webhook, headers)
    data = bodies.data_of(headers, body)
    name, external_id = bodies.event_name(webhook.event, headers, data), bodies.id_of(scheme, headers, body, data)
    known = _known(webhook, external_id)
    if known is not None:
        return Received(known, duplicate=True)
    try:
        with transaction.atomic():
            row = _accept(webhook, name, data, external_id=external_id, kind=kind, hops=hops)
            return Received(row, duplicate=False)
    except IntegrityError:  # the same delivery, at the same moment
        known = _known(webhook, external_id)
        if known is None:
            raise
        return Received(known, duplicate=True)


def _hops(webhook: InboundWebhook, headers: Mapping[str, str]) -> int:
    """Through how many webhooks the request came. Raises GoesRound for one that does not end, or Unusable."""
    try:
        refusal, hops = loops.refusal(webhook.workspace_id, headers), loops.hops_of(headers)
    except ValueError as strange:
        raise Unusable(str(strange)) from None
    if refusal:
        raise GoesRound(webhook.pk, webhook.workspace_id, refusal)
    return hops


def _accept(
    webhook: InboundWebhook, name: str, data: Any, *, external_id: str, kind: str, hops: int = 0
) -> InboundDelivery:
    delivery_id = uuid7()
    event = events.publish(name, data, by=replace(_sender(webhook), hops=hops), id=f"webhook-delivery:{delivery_id}")
    return InboundDelivery.objects.create(
        id=delivery_id,
        webhook=webhook,
        external_id=external_id,
        kind=kind,
        event_id=event.id,
        event_name=name,
        data=codec.encode(data),
        received_at=clock.now(),
    )


def _known(webhook: InboundWebhook, external_id: str) -> InboundDelivery | None:
    return InboundDelivery.objects.filter(webhook=webhook, external_id=external_id).first()


def _sender(webhook: InboundWebhook) -> Actor:
    return Actor("system", Webhook.sender(webhook.slug), webhook.name)
