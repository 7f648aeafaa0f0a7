"""An event that does not match neither wakes the run nor is consumed."""

from flowapp import Context, workflow
from flowapp.engine.models import Run
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from tests.cases.engines import Engine, ended


@workflow(name="picky")
async def picky(ctx: Context) -> list[int]:
    large = await ctx.wait_for_event("paid", match="event.data.n > 10 && event.data.kind == 'card'")
    small = await ctx.wait_for_event("paid", match="event.data.n < 10")
    return [large["data"]["n"], small["data"]["n"]]


def test_it_stays_for_the_wait_it_matches(engine: Engine):
    run = picky.start()
    engine.settle()
    fence = Run.objects.get(pk=run.id).fence
    events.publish("paid", {"n": 3, "kind": "card"}, by=SYSTEM)
    events.publish("paid", {"n": 30, "kind": "cash"}, by=SYSTEM)
    events.publish("paid", {"text": "what the expression asks for is missing"}, by=SYSTEM)
    engine.settle()
    assert (run.status, Run.objects.get(pk=run.id).fence) == ("waiting", fence)
    events.publish("paid", {"n": 31, "kind": "card"}, by=SYSTEM)
    engine.settle()
    assert ended(run) == ("completed", [31, 3])


@workflow(name="asks-for-the-last-field")
async def asking(ctx: Context, wanted: str) -> int:
    event = await ctx.wait_for_event("wide", match="event.data.f99 == input")
    return len(event["data"])


def test_an_event_with_many_fields_is_found_by_each(engine: Engine):
    long = "x" * 300
    run, other = asking.start("yes"), asking.start(long)
    engine.settle()
    fields = {f"f{n}": n for n in range(99)}
    events.publish("wide", {**fields, "f99": "yes"}, by=SYSTEM)
    events.publish("wide", {"f99": long}, by=SYSTEM)
    engine.settle()
    assert (ended(run), ended(other)) == (("completed", 100), ("completed", 1))
