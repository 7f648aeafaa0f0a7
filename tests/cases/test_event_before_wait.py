"""An event published before its wait counts, back to the run's start; the same run takes it once."""

from flowapp import Context, workflow
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from tests.cases.engines import Engine, ended


@workflow(name="event-before-wait")
async def slow(ctx: Context, order: str) -> list[int]:
    await ctx.sleep("1h")
    first = await ctx.wait_for_event("paid", match="event.data.order == input")
    second = await ctx.wait_for_event("paid", match="event.data.order == input", timeout="1h", default=None)
    return [first["data"]["n"], second["data"]["n"] if second else 0]


def publish(order: str, n: int) -> None:
    events.publish("paid", {"order": order, "n": n}, by=SYSTEM)


def test_it_is_kept(engine: Engine):
    publish("a", 0)  # before the run: not for it
    run = slow.start("a")
    engine.settle()
    publish("b", 1)
    publish("a", 2)
    engine.shift("61m")
    assert run.status == "waiting"
    engine.shift("61m")
    assert ended(run) == ("completed", [2, 0])


def test_two_are_taken_in_order(engine: Engine):
    run = slow.start("a")
    publish("a", 1)
    publish("a", 2)
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("completed", [1, 2])
