"""A removed, re-argued or changed step gives needs_attention naming both sides; so does a missing version."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flowapp import Context, step, workflow
from tests.cases.engines import Engine


@step
async def price(of: str) -> int:
    return len(of)


@step
async def book(total: int) -> int:
    return total


@workflow(name="changing")
async def original(ctx: Context) -> int:
    total = await price("paper")
    await ctx.sleep("1h")
    return await book(total)


async def removed(ctx: Context) -> int:
    await ctx.sleep("1h")
    return await book(1)


async def with_other_arguments(ctx: Context) -> int:
    total = await price("pencils")
    await ctx.sleep("1h")
    return await book(total)


async def of_another_kind(ctx: Context) -> Any:
    got = await ctx._runtime.wait("lock", "price", identity=1, decode=lambda _: None)
    await ctx.sleep("1h")
    return got


@pytest.mark.parametrize(
    ("body", "sides"),
    [
        (removed, ["'price' is no longer reached", "it returned"]),
        (with_other_arguments, ["'price'", '"paper"', '"pencils"']),
        (of_another_kind, ["'price' was a step", "makes it a lock"]),
    ],
)
def test_both_sides_are_named(engine: Engine, body: Callable[..., Awaitable[Any]], sides: list[str]):
    run = original.start()
    engine.settle()
    engine.deploy(original, body)
    engine.shift("61m")
    assert run.status == "needs_attention"
    for side in sides:
        assert side in run.error["message"]
    assert [row.name for row in run.steps if row.name == "price"] == ["price"]


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
