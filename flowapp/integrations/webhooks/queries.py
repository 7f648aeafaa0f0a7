"""What others may read of webhooks, endpoints and deliveries: pages of them. The workspace in scope only."""

from __future__ import annotations

from uuid import UUID

from flowapp.engine import codec
from flowapp.integrations.models import OutboxMessage, OutboxStatus
from flowapp.integrations.webhook_tables import (
    DeliveryStatus,
    InboundDelivery,
    InboundWebhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

from . import outgoing
from .errors import NotFound
from .paging import SHOWN, Page, page

ATTEMPTS_SHOWN = 50


def webhooks(*, cursor: str | None = None, limit: int = SHOWN) -> Page[InboundWebhook]:
    """The webhooks that come in. Raises ValueError for a strange cursor, as all of these do."""
    return page(InboundWebhook.objects.all(), cursor, limit)


def webhook(webhook_id: UUID) -> InboundWebhook:
    """One of them. Raises NotFound."""
    return _found(InboundWebhook.objects.filter(pk=webhook_id).first())


def received(webhook_id: UUID, *, cursor: str | None = None, limit: int = SHOWN) -> Page[InboundDelivery]:
    """What a webhook accepted."""
    return page(InboundDelivery.objects.filter(webhook_id=webhook_id), cursor, limit)


def endpoints(*, cursor: str | None = None, limit: int = SHOWN) -> Page[WebhookEndpoint]:
    """The endpoints that facts go out to."""
    return page(WebhookEndpoint.objects.all(), cursor, limit)


def endpoint(endpoint_id: UUID) -> WebhookEndpoint:
    """One of them. Raises NotFound."""
    return _found(WebhookEndpoint.objects.filter(pk=endpoint_id).first())


def deliveries(endpoint_id: UUID, *, cursor: str | None = None, limit: int = SHOWN) -> Page[WebhookDelivery]:
    """What is on its way to an endpoint, or was delivered."""
    found = page(WebhookDelivery.objects.filter(endpoint_id=endpoint_id).defer("body"), cursor, limit)
    with_next_try(*found.items)
    return found


def delivery(endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """One of them. Raises NotFound."""
    row = _found(WebhookDelivery.objects.filter(pk=delivery_id, endpoint_id=endpoint_id).first())
    with_next_try(row)
    return row


def with_next_try(*rows: WebhookDelivery) -> None:
    """Fill in when each that is on its way is tried next: its message in the outbox knows."""
    carried = {outgoing.key_of(row): row for row in rows if row.status == DeliveryStatus.PENDING}
    if carried:
        messages = OutboxMessage.objects.filter(channel=outgoing.CHANNEL, key__in=list(carried))
        for key, due_at in messages.filter(status=OutboxStatus.PENDING).values_list("key", "due_at"):
            carried[key].next_try_at = due_at


def attempts(delivery_id: UUID) -> list[WebhookAttempt]:
    """The latest attempts at a delivery, newest first."""
    return list(WebhookAttempt.objects.filter(delivery_id=delivery_id).order_by("-number")[:ATTEMPTS_SHOWN])


def data_of(row: InboundDelivery) -> object:
    """What was delivered, as JSON values."""
    return codec.plain(row.data)


def _found[M](row: M | None) -> M:
    if row is None:
        raise NotFound
    return row
