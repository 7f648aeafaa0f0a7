"""Facts go out: from the transaction of the fact, signed, once, tried for a day, and not to those who want no more."""

from datetime import timedelta

import pytest
from django.db import transaction

from flowapp import Context, workflow
from flowapp.audit.models import AuditEntry
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs
from flowapp.engine.triggering import events
from flowapp.integrations import delivery as outbox_delivery
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.webhook_tables import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from flowapp.integrations.webhooks import delivering, endpoints, queries
from flowapp.integrations.webhooks.errors import Disabled, Invalid, NotFound
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories

ORDER = {"id": "o-1", "total": 20}


CANARY = "ffk_canary_of_a_secret"


class Refused(Exception):
    """An error that carries what nobody outside may see."""

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message, token)
        self.token = token

    def __str__(self) -> str:
        return str(self.args[0])


@workflow(name="outgoing-echo")
async def echo(ctx: Context, order: dict[str, object]) -> object:
    if order.get("fail"):
        raise Refused("as asked", CANARY)
    return order


@workflow(name="outgoing-waits")
async def waits(ctx: Context) -> None:
    await ctx.wait_for_signal("go")


def deliver():
    return outbox_delivery.deliver("webhook")


def order():
    events.publish("order/created", ORDER, by=SYSTEM)


def test_a_published_event_reaches_its_endpoint_signed(endpoint, receiver):
    order()
    assert deliver() == 1
    (said,) = receiver.verified(endpoint.plain)
    assert (said["type"], said["data"], said["source"]) == ("order/created", ORDER, "event")
    (row,) = queries.deliveries(endpoint.pk).items
    assert (row.status, row.attempts, row.answer) == ("delivered", 1, 204)
    assert [one.status for one in queries.attempts(row.pk)] == [204]
    assert receiver.requests[0][0]["Flowapp-From"] == str(endpoint.workspace_id)
    assert receiver.requests[0][0]["webhook-id"] == f"msg_{row.pk.hex}"
    assert receiver.requests[0][0]["Host"] == receiver.url.split("/")[2]


def test_what_it_does_not_want_is_not_even_queued(endpoint):
    events.publish("user/created", {}, by=SYSTEM)
    assert not WebhookDelivery.objects.exists()
    assert not OutboxMessage.objects.exists()


def test_an_event_rolled_back_was_never_told(endpoint):
    with transaction.atomic():
        order()
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()
    assert deliver() == 0


def test_the_same_event_twice_goes_out_once(endpoint, receiver):
    for _ in range(2):
        events.publish("order/created", ORDER, by=SYSTEM, id="e-1")
    deliver()
    assert len(receiver.requests) == 1


def test_the_ends_of_runs_are_told(endpoint, receiver):
    with ImmediateDispatcher().installed():
        done = runs.start("outgoing-echo", {"a": 1}, by=SYSTEM)
        failed = runs.start("outgoing-echo", {"fail": True}, by=SYSTEM)
        stopped = runs.start("outgoing-waits", None, by=SYSTEM)
        runs.cancel(stopped.id, by=SYSTEM)
    deliver()
    said = {one["data"]["id"]: one for one in receiver.verified(endpoint.plain)}
    kinds = {str(done.id): "run.completed", str(failed.id): "run.failed", str(stopped.id): "run.cancelled"}
    assert {id: one["type"] for id, one in said.items()} == kinds
    error = said[str(failed.id)]["data"]["error"]
    assert error == {"type": "Refused", "message": "as asked", "step": None}
    assert not any(CANARY.encode() in body or b"/tests/" in body for _, body in receiver.requests)
    assert {one["source"] for one in said.values()} == {"flowapp"}


def test_a_run_that_fails_again_is_told_again(endpoint, receiver):
    with ImmediateDispatcher().installed():
        failed = runs.start("outgoing-echo", {"fail": True}, by=SYSTEM)
        runs.retry(failed.id, by=SYSTEM)
    deliver()
    assert [one["type"] for one in receiver.verified(endpoint.plain)] == ["run.failed", "run.failed"]


def test_another_workspace_hears_nothing(endpoint, receiver):
    with scoped(factories.workspace("globex").pk):
        order()
    assert deliver() == 0


def test_an_error_is_tried_again_with_the_same_id_and_a_fresh_signature(endpoint, receiver):
    receiver.answers = [(500, {}, b"oops"), (302, {"Location": "http://127.0.0.1/elsewhere"}, b"")]
    order()
    deliver()
    clock.shift("10s")
    deliver()
    (row,) = queries.deliveries(endpoint.pk).items
    assert (row.status, row.error) == ("pending", "answered 302; redirects are not followed")
    clock.shift("20s")
    deliver()
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error) == ("delivered", 3, "")
    tries = queries.attempts(row.pk)
    assert [(one.number, one.status, one.excerpt) for one in tries] == [(3, 204, ""), (2, 302, ""), (1, 500, "oops")]
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.requests}) == 3


def test_it_waits_as_long_as_it_is_asked(endpoint, receiver):
    receiver.answers = [(429, {"Retry-After": "600"}, b"")]
    order()
    deliver()
    clock.shift("590s")
    assert deliver() == 0
    clock.shift("12s")
    assert deliver() == 1


def test_gone_disables_the_endpoint_and_says_so(endpoint, receiver):
    receiver.answers = [(410, {}, b"")]
    order()
    order()
    deliver()
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_reason[:17]) == (False, "It answered 410 G")
    assert {row.status for row in queries.deliveries(endpoint.pk).items} == {"failed"}
    assert len(receiver.requests) == 1
    assert AuditEntry.objects.filter(verb="webhook-endpoint.disabled", actor_kind="system").count() == 1
    order()
    assert WebhookDelivery.objects.count() == 2


def test_a_day_of_failures_disables_it_and_enabling_begins_anew(endpoint, receiver):
    receiver.answers = [(503, {}, b"")] * 200
    order()
    for _ in range(40):
        deliver()
        clock.shift("1h")
    endpoint.refresh_from_db()
    assert not endpoint.enabled
    assert "for a day" in endpoint.disabled_reason
    (row,) = queries.deliveries(endpoint.pk).items
    assert row.status == "failed"
    assert OutboxMessage.objects.get().status == "dead"
    receiver.answers.clear()
    with pytest.raises(Disabled):
        endpoints.replay(row.pk, by=SYSTEM)
    endpoints.set_enabled(endpoint.pk, True, by=SYSTEM)
    endpoints.replay(row.pk, by=SYSTEM)
    deliver()
    row.refresh_from_db()
    assert row.status == "delivered"
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_reason, endpoint.failing_since) == (True, "", None)


def test_replaying_sends_the_same_again(endpoint, receiver):
    order()
    deliver()
    (row,) = queries.deliveries(endpoint.pk).items
    endpoints.replay(row.pk, by=SYSTEM)
    endpoints.replay(row.pk, by=SYSTEM)  # it is on its way already
    deliver()
    (first, one), (second, two) = receiver.requests
    assert (one, first["webhook-id"]) == (two, second["webhook-id"])
    assert AuditEntry.objects.filter(verb="webhook-endpoint.replayed").count() == 1


def test_while_it_does_not_answer_nobody_knocks(endpoint, receiver, monkeypatch):
    endpoints.update(endpoint.pk, name="Shop", url="http://127.0.0.1:9/closed", events=["order/*"], by=SYSTEM)
    for _ in range(3):
        order()
    deliver()
    assert WebhookAttempt.objects.count() == 1
    assert WebhookEndpoint.objects.filter(quiet_until__gt=clock.now()).exists()
    endpoints.update(endpoint.pk, name="Shop", url=receiver.url, events=["order/*"], by=SYSTEM)
    clock.shift("15s")
    deliver()
    assert {row.status for row in queries.deliveries(endpoint.pk).items} == {"delivered"}


def test_while_the_secret_rotates_both_sign(endpoint, receiver):
    _, newer = endpoints.rotate(endpoint.pk, by=SYSTEM)
    order()
    deliver()
    assert receiver.verified(newer) == receiver.verified(endpoint.plain)
    clock.shift("25h")
    endpoint.refresh_from_db()
    assert endpoint.secrets(clock.now()) == [newer]


def test_the_secret_is_nowhere_to_be_read(endpoint):
    stored = str(list(WebhookEndpoint.objects.values())) + str(list(AuditEntry.objects.values()))
    assert endpoint.plain not in stored
    assert endpoint.plain[6:] not in stored


def test_a_test_goes_to_it_whatever_it_wants(endpoint, receiver):
    endpoints.send_test(endpoint.pk, by=SYSTEM)
    deliver()
    assert [one["type"] for one in receiver.verified(endpoint.plain)] == ["test"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"url": "https://user:pw@example.com/"}, "url"),
        ({"url": "ftp://example.com"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["x" * 201]}, "events"),
        ({"secret": "whsec_short"}, "secret"),
    ],
)
def test_bad_endpoints_name_the_field(acme, given, field):
    fit = {"name": "Shop", "url": "https://example.com/hooks", "events": ["*"]}
    with pytest.raises(Invalid) as wrong:
        endpoints.create(**{**fit, **given}, by=SYSTEM)
    assert [error["loc"] for error in wrong.value.errors] == [[field]]


def test_another_workspace_s_endpoint_is_not_there(endpoint):
    order()
    (row,) = queries.deliveries(endpoint.pk).items
    with scoped(factories.workspace("globex").pk):
        for call in (endpoints.rotate, endpoints.send_test):
            with pytest.raises(NotFound):
                call(endpoint.pk, by=SYSTEM)
        with pytest.raises(NotFound):
            endpoints.replay(row.pk, by=SYSTEM)
        with pytest.raises(NotFound):
            queries.endpoint(endpoint.pk)


def test_old_deliveries_are_forgotten(endpoint, receiver, monkeypatch):
    order()
    deliver()
    clock.shift(timedelta(days=31))
    monkeypatch.setattr(delivering, "_prune_at", 0.0)
    delivering.prune()
    assert not WebhookDelivery.objects.exists()
    assert not WebhookAttempt.objects.exists()
