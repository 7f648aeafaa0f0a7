"""A removed, re-argued or changed step gives needs_attention naming both sides; so does a missing version."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine


@step
async def price(of: str) -> int:
    return len(effects.effect(of))


@step
async def cost(of: str) -> int:
    return len(effects.effect("cost"))


@step
async def book(total: int) -> int:
    effects.effect("book")
    return total


@workflow(name="changing")
async def original(ctx: Context) -> int:
    total = await price("paper")
    await ctx.sleep("1h")
    return await book(total)


async def removed(ctx: Context) -> int:
    await ctx.sleep("1h")
    return await book(1)


async def renamed(ctx: Context) -> None:
    total = await cost("paper")
    await ctx.sleep("1h")
    await book(total)
    await ctx.wait_for_signal("for ever")


async def with_other_arguments(ctx: Context) -> int:
    total = await price("pencils")
    await ctx.sleep("1h")
    return await book(total)


async def of_another_kind(ctx: Context) -> Any:
    got = await ctx._runtime.wait("lock", "price", identity=1, decode=lambda _: None)
    await ctx.sleep("1h")
    return got


@pytest.mark.parametrize(
    ("body", "sides", "done"),
    [
        (removed, ["'price' is no longer reached", "it waits for 'sleep'"], []),
        (renamed, ["'price' is no longer reached", "it waits for 'sleep'"], ["cost"]),
        (with_other_arguments, ["'price'", '"paper"', '"pencils"'], []),
        (of_another_kind, ["'price' was a step", "makes it a lock"], []),
    ],
)
def test_both_sides_are_named(engine: Engine, body: Callable[..., Awaitable[Any]], sides: list[str], done: list[str]):
    run = original.start()
    engine.settle()
    engine.deploy(original, body)
    engine.shift("61m")
    assert run.status == "needs_attention"
    for side in sides:
        assert side in run.error["message"]
    assert [row.name for row in run.steps if row.name == "price"] == ["price"]
    assert effects.done == ["paper", *done]  # nothing after the place where it shows


@workflow(name="changing-and-waiting")
async def waiting(ctx: Context) -> None:
    await price("paper")
    await ctx.sleep("1h")
    await ctx.wait_for_signal("go")


async def removed_with_a_new_one(ctx: Context) -> None:
    await ctx.sleep("1h")
    await cost("paper")
    await ctx.wait_for_signal("go")


def test_what_is_new_does_not_hide_what_was_left_out(engine: Engine):
    run = waiting.start()
    engine.settle()
    engine.shift("61m")
    engine.deploy(waiting, removed_with_a_new_one)
    run.signal("go")
    engine.settle()
    assert (run.status, effects.done) == ("needs_attention", ["paper"])
    assert "'price' is no longer reached by the code; instead it comes to 'cost'" in run.error["message"]


def test_a_missing_version_is_named(engine: Engine):
    run = original.start()
    engine.settle()
    engine.deploy(original, removed, version=2)
    engine.undeploy(original)
    engine.shift("61m")
    assert run.status == "needs_attention"
    assert "no version 1" in run.error["message"]
    assert "2" in run.error["message"]


def test_when_the_code_is_back_the_run_goes_on(engine: Engine):
    run = original.start()
    engine.settle()
    engine.deploy(original, with_other_arguments)
    engine.shift("61m")
    assert run.status == "needs_attention"
    engine.deploy(original, original.fn)
    run.retry()
    engine.settle()
    assert (run.status, run.output) == ("completed", 5)


@workflow(name="changing-in-a-loop")
async def polling(ctx: Context) -> None:
    while True:
        await price("a")
        await ctx.sleep("1h")


async def with_another_step(ctx: Context) -> None:
    while True:
        await cost("a")
        await ctx.sleep("1h")


async def with_another_wait(ctx: Context) -> None:
    while True:
        await price("a")
        await ctx.wait_for_signal("next")


@pytest.mark.parametrize(
    ("body", "sides", "done"),
    [
        (with_another_step, ["'price' is no longer reached", "it comes to 'cost' (use 2)"], ["cost"]),
        (with_another_wait, ["'sleep' is no longer reached", "it comes to 'signal:next' (use 2)"], []),
    ],
)
def test_a_loop_that_never_ends_stops(
    engine: Engine, body: Callable[..., Awaitable[Any]], sides: list[str], done: list[str]
):
    run = polling.start()
    engine.settle()
    for _ in range(2):
        engine.shift("61m")
    engine.deploy(polling, body)
    engine.shift("61m")
    if run.status == "waiting":
        run.signal("next")
        engine.settle()
    assert (run.status, effects.done) == ("needs_attention", ["a", "a", "a", *done])
    assert all(side in run.error["message"] for side in sides)
