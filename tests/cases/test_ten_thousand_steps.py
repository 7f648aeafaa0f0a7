"""A run of 10,000 steps works, and goes on after a restart without running them again."""

import pytest

from flowapp import Context, step, workflow
from flowapp.engine.models import Checkpoint
from tests.cases import effects
from tests.cases.engines import Engine, ended

COUNT = 10_000


@step
async def add(number: int) -> int:
    effects.done.append("")
    return number + 1


@workflow(name="ten-thousand")
async def long(ctx: Context) -> int:
    total = 0
    for _ in range(10):
        total += sum(await ctx.map("add", add.fn, range(COUNT // 20)))
    for _ in range(COUNT // 2):
        total = await add(total)
    await ctx.sleep("1h")
    return total


@pytest.mark.parametrize("engine", ["embedded"], indirect=True)
def test_it_works(engine: Engine):
    run = long.start()
    engine.until(lambda: run.status == "waiting")
    assert Checkpoint.objects.filter(run_id=run.id).count() == COUNT
    engine.shift("61m")
    assert ended(run) == ("completed", 10 * sum(range(1, COUNT // 20 + 1)) + COUNT // 2)
    assert len(effects.done) == COUNT
