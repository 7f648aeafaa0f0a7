"""Adding steps with new names never breaks a live run."""

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def price() -> int:
    effects.effect("price")
    return 5


@step
async def tax() -> int:
    effects.effect("tax")
    return 1


@workflow(name="adding")
async def original(ctx: Context) -> int:
    total = await price()
    await ctx.sleep("1h")
    return total


async def with_more(ctx: Context) -> int:
    extra = await tax()
    total = await price()
    await ctx.step("note", print, "noted")
    await ctx.sleep("1h")
    return total + extra


def test_it_goes_on_with_the_new_steps(engine: Engine):
    run = original.start()
    engine.settle()
    engine.deploy(original, with_more)
    engine.shift("61m")
    assert ended(run) == ("completed", 6)
    assert effects.done == ["price", "tax"]
