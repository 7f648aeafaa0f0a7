"""`patched` takes the old path for runs that had come past it, the new path for others; the same on every replay."""

from flowapp import Context, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@workflow(name="patched")
async def original(ctx: Context) -> str:
    await ctx.step("old", effects.effect, "old")
    await ctx.sleep("1h")
    return "end"


async def changed(ctx: Context) -> str:
    if ctx.patched("better"):
        await ctx.step("new", effects.effect, "new")
    else:
        await ctx.step("old", effects.effect, "old")
    await ctx.sleep("1h")
    if ctx.patched("later"):
        await ctx.step("later", effects.effect, "later")
    return "end"


def test_old_runs_take_the_old_path(engine: Engine):
    old = original.start()
    engine.settle()
    engine.deploy(original, changed)
    new = registered("patched").start()
    engine.settle()
    engine.shift("61m")
    assert (ended(old), ended(new)) == (("completed", "end"), ("completed", "end"))
    assert sorted(effects.done) == ["later", "later", "new", "old"]


def registered(name: str):
    from flowapp.engine import registry

    return registry.find(name)
