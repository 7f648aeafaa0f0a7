"""Rows of webhooks for tests elsewhere, made as users make them."""

from django.db import transaction

from flowapp.integrations.webhooks import endpoints, inbound, receiving
from flowapp.tenancy.actors import SYSTEM


def rows() -> dict[str, str]:
    """A webhook and an endpoint of the workspace in scope, a delivery of each: their ids as addresses name them."""
    webhook, _ = inbound.create(name="Shop", event="shop/{type}", scheme="standard", by=SYSTEM)
    endpoint, _ = endpoints.create(name="Shop", url="https://example.com/hooks", events=["never/*"], by=SYSTEM)
    with transaction.atomic():
        received = receiving.send_test(webhook.pk, by=SYSTEM).delivery
        delivery = endpoints.send_test(endpoint.pk, by=SYSTEM)
    ids = {"webhook_id": webhook.pk, "received_id": received.pk, "endpoint_id": endpoint.pk, "delivery_id": delivery.pk}
    return {name: str(id) for name, id in ids.items()}
