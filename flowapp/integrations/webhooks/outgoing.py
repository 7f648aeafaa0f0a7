"""Facts on their way out: in the transaction of a fact, a delivery for each endpoint that wants to hear of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from uuid import UUID

from django.db import transaction
from pydantic_core import to_json

from flowapp.engine import clock, facts
from flowapp.engine.facts import Fact
from flowapp.integrations import outbox
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.webhook_tables import WebhookDelivery, WebhookEndpoint

CHANNEL = "webhook"
LOOK_EVERY = 1.0  # seconds for which a process knows by heart which workspaces have endpoints


class Outgoing:
    """Listens to the engine for every workspace that has an endpoint."""

    def __init__(self) -> None:
        self._workspaces: frozenset[UUID] = frozenset()
        self._until = 0.0

    def hears(self, workspace_id: UUID) -> bool:
        """Whether the workspace has an endpoint. Another process may learn of its first one a second later."""
        if time.monotonic() >= self._until:
            enabled = WebhookEndpoint.unscoped.filter(enabled=True)
            self._workspaces = frozenset(enabled.values_list("workspace_id", flat=True).distinct())
            self._until = time.monotonic() + LOOK_EVERY
        return workspace_id in self._workspaces

    def tell(self, fact: Fact) -> None:
        """Queue the fact for the endpoints that want it."""
        wanting = [one for one in WebhookEndpoint.objects.filter(enabled=True) if wants(one.events, fact.name)]
        if wanting:
            enqueue(wanting, fact)

    def forget(self) -> None:
        """Look again at once: an endpoint was made or turned on, here."""
        self._until = 0.0
        transaction.on_commit(self._forget, robust=True)

    def _forget(self) -> None:
        self._until = 0.0


listener = Outgoing()
facts.listen(listener)


def wants(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns matches a fact's name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def enqueue(endpoints: Sequence[WebhookEndpoint], fact: Fact) -> list[WebhookDelivery]:
    """Deliveries of a fact to these endpoints, and the messages that will carry them, in the caller's transaction."""
    body, hops = content(fact), fact.hops + 1
    rows = [
        WebhookDelivery(endpoint=one, fact_id=fact.id, name=fact.name, body=body, hops=hops, created_at=clock.now())
        for one in endpoints
    ]
    deliveries = WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    OutboxMessage.objects.bulk_create([carrier(one) for one in deliveries], ignore_conflicts=True)
    outbox.kick()
    return deliveries


def carrier(delivery: WebhookDelivery) -> OutboxMessage:
    """The message that carries this round of a delivery."""
    payload, endpoint = {"delivery": str(delivery.pk)}, str(delivery.endpoint_id)
    return outbox.message(CHANNEL, key_of(delivery), payload, receiver=endpoint)


def key_of(delivery: WebhookDelivery) -> str:
    """The key of that message."""
    return f"{delivery.pk}:{delivery.rounds}"


def content(fact: Fact) -> bytes:
    """A fact as it is sent: `type`, `timestamp` and `data`, as Standard Webhooks has them, and where it is from."""
    document = {
        "type": fact.name,
        "timestamp": fact.at,
        "source": "event" if fact.source else "flowapp",
        "data": fact.data,
    }
    return to_json(document, inf_nan_mode="null")
