"""What others may read of webhooks, endpoints and deliveries: pages of them. The workspace in scope only."""

from __future__ import annotations

from uuid import UUID

from flowapp.engine import codec
from flowapp.integrations.webhook_tables import (
    InboundDelivery,
    InboundWebhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

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
    return page(WebhookDelivery.objects.filter(endpoint_id=endpoint_id).defer("body"), cursor, limit)


def delivery(endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """One of them. Raises NotFound."""
    return _found(WebhookDelivery.objects.filter(pk=delivery_id, endpoint_id=endpoint_id).first())


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
