"""A run that takes its worker down again and again is set aside, and its neighbours are not blamed."""

import pytest

from flowapp import Context, workflow
from flowapp.engine import clock, sweep
from flowapp.engine.line import claims
from flowapp.engine.models import Run, Worker
from tests.cases.engines import dead_worker

pytestmark = pytest.mark.usefixtures("workspace")


@workflow(name="poison")
async def body(ctx: Context) -> str:
    return "done"


def die(limit: int = 10) -> list[object]:
    """A worker claims what it may, and dies."""
    worker = dead_worker()
    claimed = claims.claim(worker.id, ["default"], limit)
    sweep.recover_expired_runs()
    return [one.run.id for one in claimed]


def test_it_is_set_aside():
    run = body.start()
    for _ in range(3):
        assert run.status == "queued"
        assert die() == [run.id]
    assert run.status == "needs_attention"
    assert "3 times" in run.error["message"]
    assert die() == []


def test_neighbours_are_not_blamed():
    runs = [body.start() for _ in range(5)]
    poison = runs[2]
    while poison.status == "queued":
        claimed = die_if(poison.id)
        assert claimed
    assert [run.status for run in runs].count("needs_attention") == 1


def die_if(poison: object) -> list[object]:
    """A worker claims what it may, and dies when the poison is among it; otherwise it completes them."""
    worker = dead_worker()
    claimed = claims.claim(worker.id, ["default"], 10)
    if poison not in [one.run.id for one in claimed]:
        Run.objects.filter(id__in=[one.run.id for one in claimed]).update(status="completed", worker_id=None)
    sweep.recover_expired_runs()
    Worker.objects.all().delete()
    clock.shift("1s")
    return [one.run.id for one in claimed]
