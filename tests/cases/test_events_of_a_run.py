"""A run's handle tells which events it took and sent, in order, with what they said."""

from flowapp import Context, workflow
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from tests.cases.engines import Engine, ended


@workflow(name="events-of-a-run")
async def relay(ctx: Context) -> None:
    paid = await ctx.wait_for_event("paid")
    await ctx.send_event("receipt/wanted", {"of": paid["data"]["order"]})
    await ctx.wait_for_event("never", timeout="1h", default=None)


def test_they_are_told(engine: Engine):
    run = relay.start()
    engine.settle()
    events.publish("paid", {"order": 7}, by=SYSTEM)
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("completed", None)
    assert [(event.name, event.sent, event.data) for event in run.events] == [
        ("paid", False, {"order": 7}),
        ("receipt/wanted", True, {"of": 7}),
    ]
