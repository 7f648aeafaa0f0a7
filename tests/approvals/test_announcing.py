"""Outside rooms hear, in the same transaction, that a prompt is asked and how it ended."""

import json
from dataclasses import replace

import pytest

from flowapp import Context, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs, sweep
from flowapp.engine.triggering import events
from flowapp.integrations.webhook_tables import WebhookDelivery, WebhookEndpoint
from flowapp.integrations.webhooks import endpoints
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals import making


@workflow(name="announces")
async def announces(ctx: Context) -> None:
    await ctx.wait_for_event("ask/now")
    await ctx.prompt("go-on", type="confirm", assign="role:manager")


@pytest.fixture
def cast(transactional_db: None):
    made = factories.cast()
    with scoped(made.acme.pk), ImmediateDispatcher().installed():
        endpoints.create(name="Shop", url="https://example.com/", events=["prompt.*"], by=SYSTEM)
        yield made
    clock.reset()


def told():
    return [json.loads(bytes(one.body)) for one in WebhookDelivery.objects.order_by("pk")]


def test_a_prompt_is_told_as_it_opens_and_with_its_decision(cast):
    run, prompt = making.ask(type="review", assign=["role:manager"], title="Pay the bill")
    (opened,) = told()
    assert (opened["type"], opened["source"]) == ("prompt.opened", "flowapp")
    data = opened["data"]
    assert (data["id"], data["run_id"], data["title"]) == (str(prompt.pk), str(run.id), "Pay the bill")
    assert (data["status"], data["assignees"]) == ("pending", ["role:manager"])
    making.decide(prompt, cast.bo, reasoning="fine")
    decided = told()[1]
    assert decided["type"] == "prompt.decided"
    decision = decided["data"]["decision"]
    assert (decision["outcome"], decision["reasoning"], decision["channel"]) == ("approve", "fine", "web")
    assert decision["by"] == {"kind": "person", "name": "Bo", "email": "bo@example.com"}


def test_what_is_decided_on_is_not_told(cast):
    making.ask(type="review", assign=["role:manager"], title="Pay the bill")
    assert "600.00" not in str(told())


def test_a_prompt_that_runs_out_is_told_so(cast):
    making.ask(type="review", assign=["role:manager"], timeout="1h", on_timeout="deny")
    clock.shift("61m")
    sweep.sweep()
    expired = told()[1]
    assert (expired["type"], expired["data"]["status"]) == ("prompt.expired", "expired")
    assert (expired["data"]["decision"]["outcome"], expired["data"]["decision"]["by"]) == ("deny", None)


def test_a_prompt_of_a_cancelled_run_is_told_so(cast):
    run, _ = making.ask(type="review", assign=["role:manager"])
    runs.cancel(run.id, by=SYSTEM)
    assert [one["type"] for one in told()] == ["prompt.opened", "prompt.cancelled"]


def test_what_a_run_tells_of_came_through_as_many_webhooks_as_the_event_it_took(cast):
    WebhookEndpoint.objects.update(events=["prompt.*", "run.*"])
    run = runs.start("announces", None, by=SYSTEM)
    events.publish("ask/now", {}, by=replace(SYSTEM, hops=3))
    making.decide(making.pending(run), cast.bo, "yes")
    told = dict(WebhookDelivery.objects.values_list("name", "hops"))
    assert told == dict.fromkeys(("prompt.opened", "prompt.decided", "run.completed"), 4)
