"""A worker by itself: what comes in starts a run, and its end goes out, with nobody calling anything."""

import time

from flowapp import Context, Webhook, workflow
from flowapp.engine import clock
from flowapp.integrations.webhooks import endpoints, inbound, receiving, signatures
from flowapp.integrations.webhooks.signatures import Scheme
from flowapp.tenancy.actors import SYSTEM


@workflow(name="webhook-to-webhook", triggers=[Webhook("there-and-back")])
async def there_and_back(ctx: Context, order: dict[str, object]) -> object:
    return order


def test_from_one_webhook_to_the_other(acme, receiver, embedded_worker):
    _, outgoing = endpoints.create(name="Back", url=receiver.url, events=["run.completed", "there/*"], by=SYSTEM)
    webhook, secret = inbound.create(
        name="There", event="there/{type}", scheme="standard", slug="there-and-back", by=SYSTEM
    )
    body = b'{"type": "order", "total": 20}'
    headers = signatures.sign(Scheme.STANDARD, [secret], body, id="m-1", at=clock.now())
    assert not receiving.receive(webhook.slug, headers, body).duplicate
    until = time.monotonic() + 20
    while len(receiver.requests) < 2:
        assert time.monotonic() < until, receiver.requests
        time.sleep(0.02)
    said = {one["type"]: one["data"] for one in receiver.verified(outgoing)}
    assert set(said) == {"there/order", "run.completed"}
    assert said["run.completed"]["workflow"] == "webhook-to-webhook"
