"""A long step under a live worker is not reclaimed."""

import asyncio

import pytest

from flowapp import Context, step, workflow
from flowapp.engine import clock, sweep
from flowapp.engine.models import Run, Worker
from tests.cases import effects
from tests.cases.engines import Engine, ended


@pytest.fixture
def lease_seconds() -> float:
    """Of the worker; it is really waited for."""
    return 1.2


@step
async def listens() -> str:
    effects.effect("listens")
    await asyncio.to_thread(effects.enter, "end")
    return "heard"


@step
def computes() -> str:
    effects.effect("computes")
    effects.enter("end")
    return "computed"


@workflow(name="long-step")
async def body(ctx: Context) -> list[str]:
    return list(await asyncio.gather(listens(), computes()))


def test_its_heartbeat_keeps_the_run(engine: Engine):
    with effects.closed("end"):
        run = body.start()
        engine.until(lambda: len(effects.done) == 2)
        first_lease = Worker.objects.get().lease_until
        engine.until(lambda: clock.now() > first_lease)
        sweep.sweep()
        row = Run.objects.get()
        assert (row.status, row.fence, row.worker_id) == ("running", 1, Worker.objects.get().id)
    engine.settle()
    assert ended(run) == ("completed", ["heard", "computed"])
    assert sorted(effects.done) == ["computes", "listens"]
