"""Adding steps with new names never breaks a live run."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from flowapp import Context, Retry, step, workflow
from flowapp.engine.models import Checkpoint
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
    assert set(Checkpoint.objects.values_list("early", flat=True)) == {False}
    engine.shift("61m")
    assert ended(run) == ("completed", 6)
    assert effects.done == ["price", "tax"]


def doing(*names: str) -> Callable[[Context], Awaitable[str]]:
    """A body of these steps, sleeps and signals, one after the other."""

    async def body(ctx: Context) -> str:
        for name in names:
            if name == "sleep":
                await ctx.sleep("1h")
            elif name.startswith("wait"):
                await ctx.wait_for_signal(name)
            else:
                await ctx.step(name, effects.effect, name)
        return "done"

    return body


@workflow(name="adding-again")
async def waits_twice(ctx: Context) -> str:
    return await doing("a", "wait 1", "wait 2")(ctx)


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    ("second", "third"),
    [
        (["b"], ["b", "c"]),
        (["b", "d"], ["b", "c", "d"]),
        (["b", "d"], ["c", "b", "d"]),
        (["b", "sleep"], ["b", "c", "sleep"]),
    ],
)
def test_one_release_after_the_other_may_add_some(engine: Engine, second: list[str], third: list[str], marked: bool):
    run = waits_twice.start()
    engine.settle()
    engine.deploy(waits_twice, doing(*second, "a", "wait 1", "wait 2"))
    run.signal("wait 1")
    engine.settle()
    engine.shift("61m")
    if not marked:  # it was recorded by a Flowapp that noted nothing of this
        Checkpoint.objects.update(early=None)
    engine.deploy(waits_twice, doing(*third, "a", "wait 1", "wait 2"))
    run.signal("wait 2")
    engine.settle()
    assert ended(run) == ("completed", "done")
    assert effects.done == ["a", *[name for name in second if name != "sleep"], "c"]


async def flaky() -> None:
    effects.effect("flaky")
    if step.attempt < 3:
        raise ConnectionError


@workflow(name="adding-everywhere")
async def two_branches(ctx: Context) -> list[str]:
    async def first() -> str:
        await ctx.step("a", effects.effect, "a")
        return await ctx.wait_for_signal("first", type=str)

    async def second() -> str:
        await ctx.step("b", effects.effect, "b")
        await ctx.step("c", effects.effect, "c")
        return await ctx.wait_for_signal("second", type=str)

    return list(await asyncio.gather(first(), second()))


async def with_more_everywhere(ctx: Context) -> list[str]:
    again = Retry(max_attempts=3, initial="1h", jitter=False)

    async def first() -> str:
        await ctx.step("new 1", flaky, retry=again)
        await ctx.wait_for_signal("new")
        await ctx.step("new 2", effects.effect, "new 2")
        await ctx.step("a", effects.effect, "a")
        return await ctx.wait_for_signal("first", type=str)

    async def second() -> str:
        await ctx.step("b", effects.effect, "b")
        await ctx.step("new 3", effects.effect, "new 3")
        await ctx.step("c", effects.effect, "c")
        await ctx.step("new 4", effects.effect, "new 4")
        return await ctx.wait_for_signal("second", type=str)

    return list(await asyncio.gather(first(), second()))


def test_what_is_new_may_fail_and_wait_before_what_is_recorded(engine: Engine):
    run = two_branches.start()
    engine.settle()
    engine.deploy(two_branches, with_more_everywhere)
    run.signal("second", "2")
    engine.settle()
    for _ in range(2):
        run.pause()  # claimed anew while something recorded has not been reached
        run.resume()
        engine.settle()
        assert run.status == "waiting"
        engine.shift("61m")
    run.pause()
    run.resume()
    engine.settle()
    run.signal("new")
    run.signal("first", "1")
    engine.settle()
    assert ended(run) == ("completed", ["1", "2"])
    assert sorted(effects.done) == ["a", "b", "c", "flaky", "flaky", "flaky", "new 2", "new 3", "new 4"]
