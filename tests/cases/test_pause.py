"""A paused run begins nothing new; what arrives meanwhile is kept; resuming goes on where it was."""

import asyncio

import pytest

from flowapp import Context, step, workflow
from flowapp.engine.errors import IllegalState
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
def first() -> str:
    effects.enter("first")
    return effects.effect("first")


@step
async def second() -> str:
    return effects.effect("second")


@workflow(name="paused-between-steps")
async def two_steps(ctx: Context) -> str:
    return f"{await first()}, {await second()}"


def test_between_two_steps(engine: Engine):
    if not engine.embedded:
        return
    with effects.closed("first") as gate:
        run = two_steps.start()
        engine.until(lambda: run.status == "running")
        run.pause()
        gate.set()
        engine.until(lambda: run.status == "paused")
    assert effects.done == ["first"]
    run.resume()
    engine.settle()
    assert ended(run) == ("completed", "first, second")
    assert effects.done == ["first", "second"]


def test_a_pause_taken_back(engine: Engine):
    if not engine.embedded:
        return
    with effects.closed("first") as gate:
        run = two_steps.start()
        engine.until(lambda: run.status == "running")
        run.pause()
        run.resume()
        gate.set()
        engine.settle()
    assert ended(run) == ("completed", "first, second")


@workflow(name="paused-in-a-wait")
async def waiting(ctx: Context) -> str:
    got = await ctx.wait_for_signal("go", type=str)
    await second()
    return got


def test_in_a_wait(engine: Engine):
    run = waiting.start()
    engine.settle()
    run.pause()
    run.signal("go", "on")
    engine.shift("1h")
    assert (run.status, effects.done) == ("paused", [])
    with pytest.raises(IllegalState, match="paused"):
        run.pause()
    run.resume()
    engine.settle()
    assert ended(run) == ("completed", "on")


@workflow(name="paused-with-work-elsewhere")
async def sending(ctx: Context) -> int:
    alone = ctx.step("alone", effects.effect, "alone", queue="elsewhere")
    items = ctx.map("items", effects.effect, ["1", "2", "3"], queue="elsewhere")
    one, many = await asyncio.gather(alone, items)
    return len([one, *many])


def test_what_it_sent_elsewhere_rests_with_it(engine: Engine):
    run = sending.start()
    engine.until(lambda: run.status == "waiting")
    run.pause()
    engine.drain("elsewhere")
    assert (run.status, effects.done) == ("paused", [])
    run.resume()
    engine.drain("elsewhere")
    assert ended(run) == ("completed", 4)
