"""Signals are taken first in, first out for each name, each exactly once."""

import asyncio

from flowapp import Context, workflow
from tests.cases.engines import Engine, ended


@workflow(name="signals-in-order")
async def collecting(ctx: Context) -> list[list[int]]:
    a = [await ctx.wait_for_signal("a", type=int) for _ in range(2)]
    b = [await ctx.wait_for_signal("b", type=int) for _ in range(3)]
    a += [await ctx.wait_for_signal("a", type=int) for _ in range(2)]
    return [a, b]


def test_names_do_not_mix(engine: Engine):
    run = collecting.start()
    for number in range(1, 4):
        run.signal("b", number)
        run.signal("a", number)
    engine.settle()
    run.signal("a", 4)
    engine.settle()
    assert ended(run) == ("completed", [[1, 2, 3, 4], [1, 2, 3]])


@workflow(name="signals-of-a-loser")
async def racing(ctx: Context) -> list[int]:
    async def two() -> list[int]:
        return [await ctx.wait_for_signal("n", type=int), await ctx.wait_for_signal("n", type=int)]

    async def late() -> str:
        await ctx.wait_for_signal("stop")
        return "stop"

    won = await ctx.first(stop=late(), two=two())
    rest = [await ctx.wait_for_signal("n", type=int) for _ in range(2)]
    return rest if won.name == "stop" else []


def test_what_a_cancelled_wait_had_is_given_back(engine: Engine):
    run = racing.start()
    engine.settle()
    run.pause()
    engine.settle()
    run.signal("stop")
    run.signal("n", 1)  # arrives for the wait that loses
    run.signal("n", 2)
    run.resume()
    engine.settle()
    assert ended(run) == ("completed", [1, 2])


@workflow(name="signals-of-several-waits")
async def side_by_side(ctx: Context) -> list[int]:
    async def one() -> int:
        return await ctx.wait_for_signal("n", type=int)

    loser = ctx.first(stop=ctx.wait_for_signal("stop"), n=ctx.wait_for_signal("n", type=int))
    _, *got = await asyncio.gather(loser, one(), one())
    return [*got, await ctx.wait_for_signal("n", type=int)]


def test_what_a_cancelled_wait_had_goes_to_the_next_before_what_came_later(engine: Engine):
    run = side_by_side.start()
    engine.settle()
    run.pause()
    engine.settle()
    run.signal("stop")
    for number in (1, 2, 3):
        run.signal("n", number)
    run.resume()
    engine.settle()
    assert ended(run) == ("completed", [1, 2, 3])
