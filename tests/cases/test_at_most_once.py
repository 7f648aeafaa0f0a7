"""A step that may run at most once is not repeated when its outcome is unknown: a person is asked."""

import asyncio
import time

import pytest

from flowapp import Context, Retry, step, workflow
from flowapp.engine import runs
from flowapp.engine.models import Attempt, Run
from flowapp.tenancy.actors import SYSTEM
from tests.cases import effects
from tests.cases.engines import PATIENCE, Engine, ended


@step(at_most_once=True, retry=Retry(max_attempts=3, initial="10s", jitter=False))
def transfer() -> str:
    effects.effect(f"attempt {step.attempt}")
    if step.attempt == 1:
        raise ConnectionError("refused, so nothing happened")
    return "sent"


@workflow(name="at-most-once")
async def paying(ctx: Context) -> str:
    return await transfer()


def test_a_person_is_asked(engine: Engine):
    run = paying.start()
    engine.settle()
    with engine.crash_before("transfer") as crash:
        engine.shift("11s", settle=False)
        crash.wait()
    engine.recover()
    assert run.status == "needs_attention"
    assert "'transfer'" in run.error["message"]
    assert "outcome is unknown" in run.error["message"]
    assert effects.done == ["attempt 1", "attempt 2"]
    run.retry()  # the person found that nothing was sent
    engine.settle()
    engine.shift("11s")
    assert ended(run) == ("completed", "sent")


def test_a_known_outcome_is_not_repeated(engine: Engine):
    run = paying.start()
    engine.settle()
    with engine.crash_after("transfer") as crash:
        engine.shift("11s", settle=False)
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", "sent")
    assert effects.done == ["attempt 1", "attempt 2"]


ONE_MORE = Retry(max_attempts=2, initial="1s", jitter=False)


async def slow() -> None:
    effects.effect("slow")
    await asyncio.sleep(PATIENCE)


def blocking() -> None:
    effects.effect("slow")
    time.sleep(0.15)  # nothing ends a thread


OVERRUNNING = {
    "async": step(at_most_once=True, timeout="50ms")(slow),
    "async, with retry": step(at_most_once=True, timeout="50ms", retry=ONE_MORE)(slow),
    "sync": step(at_most_once=True, timeout="50ms")(blocking),
    "sync, with retry": step(at_most_once=True, timeout="50ms", retry=ONE_MORE)(blocking),
}


@workflow(name="at-most-once-in-time")
async def hurrying(ctx: Context, which: str) -> None:
    await ctx.step("transfer", OVERRUNNING[which])


@pytest.mark.parametrize("which", OVERRUNNING)
def test_a_timeout_is_an_unknown_outcome(engine: Engine, which: str):
    run = hurrying.start(which)
    engine.settle()
    engine.shift("10s")
    assert (run.status, effects.done) == ("needs_attention", ["slow"])
    assert "'transfer' took longer than its timeout of 0.05 s" in run.error["message"]
    assert "outcome is unknown" in run.error["message"]
    assert Attempt.objects.filter(run_id=run.id, ended_at__isnull=True).exists()
    run.retry()
    engine.settle()
    assert (run.status, effects.done) == ("needs_attention", ["slow", "slow"])


@workflow(name="at-most-once-elsewhere")
async def paying_elsewhere(ctx: Context) -> str:
    return await ctx.step("transfer", sent_once, queue="elsewhere")


@step(at_most_once=True)
def sent_once() -> str:
    return effects.effect("sent")


def cut_off_elsewhere(engine: Engine):
    """A run whose step was cut off on its own queue."""
    run = paying_elsewhere.start()
    with engine.crash_before("transfer") as crash, engine.working("elsewhere"):
        crash.wait()
    engine.recover(settle=False)
    engine.drain("elsewhere")
    engine.until(lambda: run.status == "needs_attention")
    return run


def test_a_person_is_asked_of_the_run_that_sent_it_elsewhere(engine: Engine):
    run = cut_off_elsewhere(engine)
    assert run.error["type"] == "ChildNeedsAttention"
    assert "'transfer' was cut off and may run at most once: its outcome is unknown" in run.error["message"]
    run.retry()  # the person found that nothing was sent
    engine.drain("elsewhere")
    assert ended(run) == ("completed", "sent")
    assert effects.done == ["sent", "sent"]


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_what_a_person_does_to_the_step_itself_counts_as_well(engine: Engine, verb: str):
    run = cut_off_elsewhere(engine)
    child = Run.objects.get(parent_id=run.id)
    getattr(runs, verb)(child.id, by=SYSTEM)
    engine.drain("elsewhere")
    assert ended(run) == (("completed", "sent") if verb == "retry" else ("failed", "ChildFailed"))


def test_whoever_gives_up_cancels_both(engine: Engine):
    run = cut_off_elsewhere(engine)
    run.cancel()
    assert {*Run.objects.values_list("status", flat=True)} == {"cancelled"}


@step
def beside() -> str:
    effects.enter("beside")
    return effects.effect("beside")


@step(at_most_once=True, timeout="50ms", queue="elsewhere")
async def overrunning() -> None:
    await asyncio.sleep(PATIENCE)


@workflow(name="at-most-once-beside")
async def paying_beside(ctx: Context) -> None:
    await asyncio.gather(overrunning(), beside())


def test_what_runs_beside_it_finishes_first(engine: Engine):
    with effects.closed("beside") as gate, engine.working("elsewhere"):
        run = paying_beside.start()
        child = Run.objects.filter(workflow="flowapp-step", status="needs_attention")
        engine.until(child.exists)
        assert run.status == "running"
        gate.set()
        engine.until(lambda: run.status == "needs_attention")
    assert run.error["type"] == "ChildNeedsAttention"
    assert [(row.name, row.status) for row in run.steps] == [("beside", "completed"), ("overrunning", "waiting")]
