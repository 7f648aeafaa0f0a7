"""Two versions of a workflow run side by side: each run keeps the version it began with."""

from flowapp import Context, workflow
from flowapp.engine import registry
from tests.cases.engines import Engine, ended


@workflow(name="two-versions", version=1)
async def first(ctx: Context) -> str:
    await ctx.sleep("1h")
    return "one"


@workflow(name="two-versions", version=2)
async def second(ctx: Context) -> str:
    await ctx.sleep("1h")
    return "two"


def test_each_keeps_its_own(engine: Engine):
    runs = [first.start(), registry.find("two-versions").start(), second.start()]
    engine.settle()
    engine.shift("61m")
    assert [ended(run) for run in runs] == [("completed", "one"), ("completed", "two"), ("completed", "two")]
    assert [run.detail.version for run in runs] == [1, 2, 2]
