"""An event, signal or decision at the very timeout has one outcome, the same on replay."""

import pytest

from flowapp import Context, workflow
from flowapp.engine import clock, sweep
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from tests.cases.engines import Engine, ended


@workflow(name="event-at-timeout")
async def waiting(ctx: Context) -> list[str]:
    event = await ctx.wait_for_event("ping", timeout="1h", default=None)
    signal = await ctx.wait_for_signal("ping", timeout="1h", default="nothing")
    await ctx.sleep("1h")
    return ["event" if event else "nothing", signal]


@pytest.mark.parametrize("first", ["message", "timeout"])
def test_what_came_first_counts(engine: Engine, first: str):
    run = waiting.start()
    for send in (lambda: events.publish("ping", 1, by=SYSTEM), lambda: run.signal("ping", "signal")):
        engine.settle()
        clock.shift("1h")
        send() if first == "message" else sweep.fire_due_waits()
        engine.sweep()
        if first == "timeout":
            send()
            engine.settle()
    engine.shift("61m")
    status, output = ended(run)
    assert status == "completed"
    assert output == (["event", "signal"] if first == "message" else ["nothing", "nothing"])
