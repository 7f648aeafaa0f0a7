"""What goes round through several workspaces ends: it is counted, and past the limit refused on either side."""

import pytest
from django.db import connection

from flowapp import Context, Event, Webhook, workflow
from flowapp.audit.models import AuditEntry
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs
from flowapp.engine.triggering import events
from flowapp.integrations import delivery as outbox_delivery
from flowapp.integrations.webhook_tables import InboundDelivery, WebhookDelivery
from flowapp.integrations.webhooks import endpoints, inbound, loops, queries
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories


@workflow(name="loops-run", triggers=[Webhook("loops-acme"), Webhook("loops-globex")])
async def through_runs(ctx: Context, told: dict[str, object]) -> None:
    await ctx.sleep("0s")


@workflow(name="loops-send", triggers=[Event("call/*")])
async def sends(ctx: Context, told: dict[str, object]) -> None:
    await ctx.send_event("answer/made", {})


@workflow(name="loops-wait")
async def waits(ctx: Context) -> None:
    for _ in range(20):
        await ctx.wait_for_event("wait/again")
        await ctx.send_event("answer/made", {})


@pytest.fixture
def globex(acme):
    return factories.workspace("globex")


@pytest.fixture
def site(live_server, settings):
    """This installation, under a name that it does not know as its own."""
    settings.FLOWAPP_WEBHOOK_ALLOW = ["127.0.0.0/8", "::1/128"]
    with ImmediateDispatcher().installed():
        yield live_server.url


def lead(site, sender, receiver, *, told, becomes):
    """An endpoint of the one workspace that leads to a webhook of the other."""
    with scoped(sender.pk):
        _, secret = endpoints.create(
            name="Over there", url=f"{site}/hooks/loops-{receiver.slug}", events=told, by=SYSTEM
        )
    with scoped(receiver.pk):
        inbound.create(
            name="In", event=becomes, scheme="standard", slug=f"loops-{receiver.slug}", secret=secret, by=SYSTEM
        )


def deliver_all():
    """Deliver until nothing is on its way; how often that took another round."""
    rounds = 0
    while outbox_delivery.deliver("webhook"):
        rounds += 1
        assert rounds < 40, "it goes on without end"
        clock.shift("1h")
    return rounds


@pytest.mark.parametrize(
    ("told", "becomes"),
    [
        ("ping/*", "ping/again"),  # the event itself goes on
        ("run.completed", "done/again"),  # the end of the run that it starts
        ("answer/*", "call/again"),  # an event that this run sends
        ("answer/*", "wait/again"),  # an event that a run sends which was there before, and waited
    ],
)
def test_a_loop_through_two_workspaces_ends(acme, globex, site, caplog, told, becomes):
    lead(site, acme, globex, told=[told], becomes=becomes)
    lead(site, globex, acme, told=[told], becomes=becomes)
    for workspace in (acme, globex) if becomes == "wait/again" else ():
        with scoped(workspace.pk):
            runs.start("loops-wait", None, by=SYSTEM)
    if told == "run.completed":
        runs.start("loops-run", {}, by=SYSTEM)
    else:
        events.publish(becomes, {}, by=SYSTEM)
    deliver_all()
    connection.close()
    assert InboundDelivery.unscoped.count() == loops.MOST_HOPS
    refused = WebhookDelivery.unscoped.exclude(status="delivered").get()
    assert (refused.status, refused.hops, refused.attempts) == ("failed", loops.MOST_HOPS + 1, 0)
    assert "without end" in refused.error
    assert "without end" in caplog.text
    with scoped(refused.workspace_id):
        endpoints.replay(refused.pk, by=SYSTEM)
    deliver_all()
    assert InboundDelivery.unscoped.count() == loops.MOST_HOPS


def test_what_it_refuses_as_a_loop_is_given_up_at_once_and_shown(acme, site, caplog):
    lead(site, acme, acme, told=["ping/*"], becomes="ping/again")
    events.publish("ping/first", {}, by=SYSTEM)
    assert deliver_all() == 1
    refused = WebhookDelivery.objects.get()
    assert (refused.status, refused.answer, refused.attempts) == ("failed", 422, 1)
    (tried,) = queries.attempts(refused.pk)
    assert "without end" in tried.excerpt
    entry = AuditEntry.objects.get(verb="webhook.refused")
    assert "without end" in entry.reason
    assert "without end" in caplog.text
