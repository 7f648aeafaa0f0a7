"""A worker by itself: what comes in starts a run, and its end goes out, with nobody calling anything."""

import time

from django.db import transaction

from flowapp import Context, Webhook, workflow
from flowapp.engine import clock
from flowapp.engine.triggering import events
from flowapp.integrations import delivery
from flowapp.integrations.webhooks import endpoints, inbound, posting, receiving, signatures
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
    _until(lambda: len(receiver.requests) >= 2, receiver)
    said = {one["type"]: one["data"] for one in receiver.verified(outgoing)}
    assert set(said) == {"there/order", "run.completed"}
    assert said["run.completed"]["workflow"] == "webhook-to-webhook"


def test_an_endpoint_that_hangs_holds_up_no_other_of_its_workspace(acme, receiver, embedded_worker):
    endpoints.create(name="Stuck", url=receiver.hanging, events=["stuck/*"], by=SYSTEM)
    _, secret = endpoints.create(name="Shop", url=receiver.url, events=["order/*"], by=SYSTEM)
    with transaction.atomic():
        for number in range(10):
            events.publish("stuck/created", {"number": number}, by=SYSTEM)
    began = time.monotonic()
    _until(lambda: receiver.stuck == delivery.MOST_FOR_ONE, receiver)
    for number in range(10):
        events.publish("order/created", {"number": number}, by=SYSTEM)
    _until(lambda: len(receiver.requests) == 10, receiver)
    assert {one["type"] for one in receiver.verified(secret)} == {"order/created"}
    assert time.monotonic() - began < posting.SECONDS  # so those that hang still do
    assert receiver.stuck == delivery.MOST_FOR_ONE
    receiver.release.set()


def _until(true, receiver):
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, (receiver.stuck, receiver.requests)
        time.sleep(0.02)
