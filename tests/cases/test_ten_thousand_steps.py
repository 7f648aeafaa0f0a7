"""A run of 10,000 steps works, and goes on after a restart without running them again."""

import pytest

from flowapp import Context, step, workflow
from flowapp.engine.models import Checkpoint
from tests.cases import effects
from tests.cases.engines import LONGEST, Engine, ended

ROUNDS, ITEMS, ALONE = 10, 800, 2000  # 10,000 in all


@step
async def add(number: int) -> int:
    effects.done.append("")
    return number + 1


@workflow(name="ten-thousand")
async def long(ctx: Context) -> int:
    total = 0
    for _ in range(ROUNDS):
        total += sum(await ctx.map("add", add.fn, range(ITEMS)))
    for _ in range(ALONE):
        total = await add(total)
    await ctx.sleep("1h")
    return total


@pytest.mark.parametrize("engine", LONGEST, indirect=True)
def test_it_works(engine: Engine):
    run = long.start()
    engine.until(lambda: run.status == "waiting", patience=120)
    assert Checkpoint.objects.filter(run_id=run.id).count() == 10_000
    engine.shift("61m")
    assert ended(run) == ("completed", ROUNDS * sum(range(1, ITEMS + 1)) + ALONE)
    assert len(effects.done) == 10_000
