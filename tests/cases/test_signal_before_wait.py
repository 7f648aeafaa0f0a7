"""A signal sent before its wait is buffered until the run takes it; the type is the one asked for."""

from decimal import Decimal

from flowapp import Context, workflow
from tests.cases.engines import Engine, ended


@workflow(name="signal-before-wait")
async def slow(ctx: Context) -> list[str]:
    await ctx.sleep("1h")
    amount = await ctx.wait_for_signal("amount", type=Decimal)
    return [type(amount).__name__, str(amount)]


def test_it_is_kept(engine: Engine):
    run = slow.start()
    run.signal("amount", "1.50")
    engine.settle()
    assert run.status == "waiting"
    engine.shift("61m")
    assert ended(run) == ("completed", ["Decimal", "1.50"])
