"""now, uuid and random are the same on replay, and different in each run."""

from flowapp import Context, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@workflow(name="recorded-chance")
async def drawing(ctx: Context) -> list[str]:
    first = [ctx.now().isoformat(), str(ctx.uuid()), str(ctx.uuid()), str(ctx.random()), str(ctx.random())]
    effects.done.append(" ".join(first))
    await ctx.sleep("1h")
    effects.done.append(ctx.now().isoformat())
    await ctx.sleep("1h")
    return first


def test_they_are_recorded(engine: Engine):
    runs = [drawing.start() for _ in range(2)]
    engine.settle()
    engine.shift("61m")
    engine.shift("61m")
    drawn = [ended(run)[1] for run in runs]
    assert len({value for output in drawn for value in output[1:]}) == 8
    assert len(set(effects.done)) == 4  # two runs: how each began, and when each woke


def test_0_is_included_and_1_is_not(engine: Engine):
    run = drawing.start()
    engine.settle()
    engine.shift("61m")
    engine.shift("61m")
    assert 0 <= float(run.output[3]) < 1
