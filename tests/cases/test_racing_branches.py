"""Nested steps in racing branches keep their identity over replays."""

import asyncio

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def work(branch: str, number: int) -> str:
    effects.effect(f"{branch}{number}")
    return f"{branch}{number}"


@workflow(name="racing-branches")
async def racing(ctx: Context) -> list[list[str]]:
    async def branch(name: str, hops: int) -> list[str]:
        found = []
        for number in range(3):
            for _ in range(hops):
                await asyncio.sleep(0)
            found.append(await work(name, number))
            found.append(await ctx.step("work again", lambda: name))
        return found

    await ctx.sleep("1h")
    result = await asyncio.gather(branch("a", 3), branch("b", 0), branch("c", 1))
    await ctx.sleep("1h")
    return list(result)


def test_identities_hold(engine: Engine):
    run = racing.start()
    engine.settle()
    with engine.crash_after("work again") as crash:
        engine.shift("61m", settle=False)
        crash.wait()
    engine.recover()
    engine.shift("61m")
    assert ended(run) == (
        "completed",
        [[x for n in range(3) for x in (f"{name}{n}", name)] for name in "abc"],
    )
    assert sorted(set(effects.done)) == sorted(f"{name}{n}" for name in "abc" for n in range(3))
    assert len(set(effects.keys)) == 9
