"""A large result comes back whole on replay, without being loaded before it is reached."""

from flowapp import Context, step, workflow
from tests.cases.engines import Engine, ended


@step
async def large() -> list[str]:
    return [str(number) for number in range(50_000)]


@step
async def count(items: list[str]) -> int:
    return len(items)


@workflow(name="large-result")
async def handling(ctx: Context) -> list[int]:
    items = await large()
    await ctx.sleep("1h")
    return [await count(items), len(items[-1])]


def test_it_is_whole(engine: Engine):
    run = handling.start()
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("completed", [50_000, 5])
