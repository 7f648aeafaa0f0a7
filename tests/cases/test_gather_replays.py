"""gather replays the same, whatever finished first."""

import asyncio

import pytest

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
def fetch(name: str) -> str:
    effects.enter(name)
    return effects.effect(name)


@step
async def after(name: str, order: int) -> str:
    return f"{name} was number {order}"


@workflow(name="gather-replays")
async def gathering(ctx: Context) -> list[str]:
    finished: list[str] = []

    async def branch(name: str) -> str:
        finished.append(await fetch(name))
        # The order of finishing goes into the arguments: a replay in another order would be noticed.
        return await after(name, len(finished))

    first = await asyncio.gather(*[branch(name) for name in ("a", "b", "c")])
    await ctx.sleep("1h")
    return [*first, *finished]


@pytest.mark.parametrize("slow", ["a", "b", "c"])
def test_the_order_is_kept(engine: Engine, slow: str):
    if engine.embedded:
        with effects.closed(slow) as gate:
            run = gathering.start()
            engine.until(lambda: len(effects.done) == 2)
            gate.set()
            engine.settle()
    else:
        run = gathering.start()
    assert run.status == "waiting"
    order = {row.output: row.seq for row in run.steps if row.name == "fetch"}
    engine.shift("61m")
    status, output = ended(run)
    assert status == "completed"
    assert output[3:] == sorted(order, key=lambda name: order[name])
    assert sorted(effects.done) == ["a", "b", "c"]
