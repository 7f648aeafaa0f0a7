"""Waiting runs hold no slot: no worker, no thread, no memory."""

import gc

from flowapp import Context, workflow
from flowapp.engine.driving.driver import RunDriver
from flowapp.engine.models import Run
from tests.cases.engines import Engine, ended


@workflow(name="waits-for-go")
async def waiting(ctx: Context) -> str:
    return await ctx.wait_for_signal("go", type=str)


@workflow(name="does-not-wait")
async def passing(ctx: Context) -> str:
    return "through"


def test_more_wait_than_there_are_slots(engine: Engine):
    runs = [waiting.start() for _ in range(40)]
    engine.settle()
    assert {run.status for run in runs} == {"waiting"}
    assert not Run.objects.exclude(worker_id=None).exists()
    assert ended_after(engine) == ("completed", "through")
    gc.collect()
    assert not [found for found in gc.get_objects() if type(found) is RunDriver and not found.over]
    runs[7].signal("go", "on")
    engine.settle()
    assert ended(runs[7]) == ("completed", "on")


def ended_after(engine: Engine):
    run = passing.start()
    engine.settle()
    return ended(run)
