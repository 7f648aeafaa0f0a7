"""When part of a gather fails, what finished is kept: a retry runs only what failed."""

import asyncio

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended

BROKEN: set[str] = set()


@step
async def part(name: str) -> str:
    effects.effect(name)
    if name in BROKEN:
        raise ValueError(f"{name} is broken")
    return name


@step
async def undo() -> None:
    effects.effect("undo")


@workflow(name="partial-failure")
async def gathering(ctx: Context) -> list[str]:
    try:
        tasks = [part(name) for name in "abc"]
        done = await asyncio.gather(*tasks, return_exceptions=True)
        if failed := [one for one in done if isinstance(one, BaseException)]:
            raise failed[0]
        return [str(one) for one in done]
    except ValueError:
        await undo()
        raise


def test_the_rest_is_kept(engine: Engine):
    BROKEN.add("b")
    run = gathering.start()
    engine.settle()
    assert ended(run) == ("failed", "ValueError")
    assert sorted(effects.done) == ["a", "b", "c", "undo"]
    BROKEN.clear()
    effects.done.clear()
    run.retry()
    engine.settle()
    assert ended(run) == ("completed", ["a", "b", "c"])
    assert effects.done == ["b"]
