"""A run that takes its worker down again and again is set aside, and its neighbours are not blamed."""

import asyncio

import pytest

from flowapp import Context, step, workflow
from flowapp.engine import clock, sweep
from flowapp.engine.line import claims
from flowapp.engine.models import Run, Worker
from tests.cases import effects
from tests.cases.engines import Engine, die, ended, live_worker

pytestmark = pytest.mark.usefixtures("workspace")


@workflow(name="poison")
async def body(ctx: Context) -> str:
    return "done"


def claim_and_die(queue: str = "default") -> list[object]:
    """A worker claims what it may, and dies."""
    worker = live_worker()
    claimed = claims.claim(worker.id, [queue], 10)
    die(worker)
    sweep.recover_expired_runs()
    return [one.run.id for one in claimed]


def test_it_is_set_aside():
    run = body.start()
    for _ in range(3):
        assert run.status == "queued"
        assert claim_and_die() == [run.id]
    assert run.status == "needs_attention"
    assert "3 times" in run.error["message"]
    assert claim_and_die() == []


def test_a_claim_whose_answer_was_lost_is_no_unclean_end():
    run, worker = body.start(), live_worker()
    for _ in range(3):
        assert [one.run.id for one in claims.claim(worker.id, ["default"], 10)] == [run.id]
        clock.shift("3s")
        sweep.release_unheld_runs(worker.id, set())
    assert (run.status, Run.objects.get().claims) == ("queued", 0)


def test_neighbours_are_not_blamed():
    runs = [body.start() for _ in range(5)]
    poison = runs[2]
    while poison.status == "queued":
        claimed = die_if(poison.id)
        assert claimed
    assert [run.status for run in runs].count("needs_attention") == 1


def die_if(poison: object) -> list[object]:
    """A worker claims what it may, and dies when the poison is among it; otherwise it completes them."""
    worker = live_worker()
    claimed = claims.claim(worker.id, ["default"], 10)
    die(worker)
    if poison not in [one.run.id for one in claimed]:
        Run.objects.filter(id__in=[one.run.id for one in claimed]).update(status="completed", worker_id=None)
    sweep.recover_expired_runs()
    Worker.objects.all().delete()
    clock.shift("1s")
    return [one.run.id for one in claimed]


@step(queue="elsewhere")
def alone() -> str:
    return effects.effect("alone")


def one_of_two(number: int) -> str:
    return effects.effect(str(number))


@workflow(name="poison-elsewhere")
async def sending(ctx: Context, how: str) -> str:
    async def beside() -> None:
        await ctx.wait_for_signal("beside")
        await ctx.step("beside", effects.effect, "beside")

    sent = alone() if how == "step" else ctx.map("items", one_of_two, [1], queue="elsewhere", on_error="collect")
    return str((await asyncio.gather(sent, beside()))[0])


@pytest.mark.parametrize(("how", "name", "output"), [("step", "alone", "alone"), ("map", "items", "['1']")])
def test_of_what_a_run_sent_elsewhere_the_run_tells(engine: Engine, how: str, name: str, output: str):
    run = sending.start(how)
    engine.until(lambda: run.status == "waiting")
    for _ in range(3):
        assert len(claim_and_die("elsewhere")) == 1
    engine.sweep(settle=False)
    engine.until(lambda: run.status == "needs_attention")
    assert (run.status, run.error["type"]) == ("needs_attention", "ChildNeedsAttention")
    assert f"'{name}' stopped on its queue" in run.error["message"]
    assert "3 times" in run.error["message"]
    assert {wait.name for wait in run.waiting_on} == {name, "signal:beside"}
    run.signal("beside")  # it is kept: a person is still asked
    assert (run.status, effects.done) == ("needs_attention", [])
    run.retry()
    engine.drain("elsewhere")
    assert ended(run) == ("completed", output)


@step
def takes_it_down() -> str:
    return effects.effect("boom")


@workflow(name="poison-step")
async def explosive(ctx: Context) -> str:
    return await takes_it_down()


def test_one_that_kills_its_worker_each_time_is_set_aside(engine: Engine):
    for count in range(3):
        with engine.crash_before("takes_it_down") as crash:
            if count == 0:
                poison, neighbour = explosive.start(), body.start()
            else:
                engine.recover(settle=False)
            crash.wait()
    engine.recover()
    assert (poison.status, neighbour.status) == ("needs_attention", "completed"), neighbour.error
    assert "3 times" in poison.error["message"]
    assert effects.done == ["boom"] * 3
