"""map checkpoints each item, keeps what finished, and collects or raises failures; a queue spreads the items."""

from typing import Any

import pytest

from flowapp import Context, workflow
from flowapp.engine.models import Run
from tests.cases import effects
from tests.cases.engines import Engine, ended

BROKEN: set[int] = set()


def square(number: int) -> int:
    effects.done.append(str(number))
    if number in BROKEN:
        raise ValueError(f"{number} is odd")
    return number * number


@workflow(name="fan-out")
async def mapping(ctx: Context, limit: int | None) -> list[int]:
    return await ctx.map("square", square, range(6), limit=limit)


@workflow(name="fan-out-collect")
async def collecting(ctx: Context, queue: str | None) -> list[Any]:
    found: list[Any] = await ctx.map("square", square, range(6), on_error="collect", queue=queue)
    return [str(one) if isinstance(one, BaseException) else one for one in found]


@pytest.fixture(autouse=True)
def _whole():
    BROKEN.clear()


@pytest.mark.parametrize("limit", [None, 2])
def test_each_item_once(engine: Engine, limit: int | None):
    with engine.crash_after("square") as crash:
        run = mapping.start(limit)
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", [0, 1, 4, 9, 16, 25])
    assert set(effects.done) == set("012345")


@pytest.mark.parametrize("limit", [None, 2])
def test_a_retry_runs_only_what_failed(engine: Engine, limit: int | None):
    BROKEN.add(5)
    run = mapping.start(limit)
    engine.settle()
    assert ended(run) == ("failed", "ValueError")
    BROKEN.clear()
    done = [row.output for row in run.steps if row.status == "completed"]
    before = len(effects.done)
    run.retry()
    engine.settle()
    assert ended(run) == ("completed", [0, 1, 4, 9, 16, 25])
    assert len(effects.done) - before == 6 - len(done)


@pytest.mark.parametrize("queue", [None, "default", "elsewhere"])
def test_collected_failures_stand_in_their_places(engine: Engine, queue: str | None):
    BROKEN.update({1, 3})
    run = collecting.start(queue)
    engine.settle() if queue != "elsewhere" else engine.drain("elsewhere")
    assert ended(run) == ("completed", [0, "1 is odd", 4, "3 is odd", 16, 25])
    if queue == "elsewhere":
        assert Run.objects.filter(workflow="flowapp-step").count() == 6
