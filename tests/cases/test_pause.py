"""A paused run begins nothing new; what arrives meanwhile is kept; resuming goes on where it was."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from flowapp import Context, step, workflow
from flowapp.engine import runs, store
from flowapp.engine.driving.driver import RunDriver
from flowapp.engine.errors import IllegalState
from flowapp.engine.models import Run
from flowapp.engine.records import Claimed, Outcome, Write
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current, scoped
from tests.cases import effects
from tests.cases.engines import ON_POSTGRESQL, Engine, ended


@step
def first() -> str:
    effects.enter("first")
    return effects.effect("first")


@step
async def second() -> str:
    return effects.effect("second")


@workflow(name="paused-between-steps")
async def two_steps(ctx: Context) -> str:
    return f"{await first()}, {await second()}"


def test_between_two_steps(engine: Engine):
    with effects.closed("first") as gate:
        run = two_steps.start()
        engine.until(lambda: run.status == "running")
        run.pause()
        gate.set()
        engine.until(lambda: run.status == "paused")
    assert effects.done == ["first"]
    run.resume()
    engine.settle()
    assert ended(run) == ("completed", "first, second")
    assert effects.done == ["first", "second"]


def test_a_pause_taken_back_while_the_run_was_being_claimed(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """Its row was read a moment before the resume, which found nobody to nudge."""
    made, stale = RunDriver.__init__, [True]

    def late(self: RunDriver, executor: Any, claimed: Claimed, finished: Any) -> None:
        claimed.run.pausing = bool(stale and stale.pop())
        made(self, executor, claimed, finished)

    monkeypatch.setattr(RunDriver, "__init__", late)
    run = two_steps.start()
    engine.settle()
    assert ended(run) == ("completed", "first, second")


def test_a_pause_taken_back(engine: Engine):
    with effects.closed("first") as gate:
        run = two_steps.start()
        engine.until(lambda: run.status == "running")
        run.pause()
        run.resume()
        gate.set()
        engine.settle()
    assert ended(run) == ("completed", "first, second")


@workflow(name="paused-in-a-wait")
async def waiting(ctx: Context) -> str:
    got = await ctx.wait_for_signal("go", type=str)
    await second()
    return got


def test_in_a_wait(engine: Engine):
    run = waiting.start()
    engine.settle()
    run.pause()
    run.signal("go", "on")
    engine.shift("1h")
    assert (run.status, effects.done) == ("paused", [])
    with pytest.raises(IllegalState, match="paused"):
        run.pause()
    run.resume()
    engine.settle()
    assert ended(run) == ("completed", "on")


@workflow(name="paused-with-work-elsewhere")
async def sending(ctx: Context) -> int:
    alone = ctx.step("alone", effects.effect, "alone", queue="elsewhere")
    items = ctx.map("items", effects.effect, ["1", "2", "3"], queue="elsewhere")
    one, many = await asyncio.gather(alone, items)
    return len([one, *many])


def test_what_it_sent_elsewhere_rests_with_it(engine: Engine):
    run = sending.start()
    engine.until(lambda: run.status == "waiting")
    run.pause()
    engine.drain("elsewhere")
    assert (run.status, effects.done) == ("paused", [])
    run.resume()
    engine.drain("elsewhere")
    assert ended(run) == ("completed", 4)


@step(queue="elsewhere")
async def far() -> str:
    return "far"


@workflow(name="paused-as-it-sends")
async def sends(ctx: Context) -> str:
    return await far()


def test_a_commit_that_is_tried_again_after_the_resume_opens_what_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    """The first try found the run about to pause; before the second a person had let it go on."""
    real, tried = store.apply, list[UUID]()

    def lost_once(batch: Sequence[Write]) -> list[Outcome]:
        if tried or not batch[0].open:
            return real(batch)
        tried.append(batch[0].run_id)
        Run.unscoped.filter(pk=tried[0]).update(pausing=True)
        with suppress(OperationalError), transaction.atomic():
            real(batch)
            raise OperationalError("the answer of the commit was lost")
        with scoped(batch[0].workspace_id):
            runs.resume(tried[0], by=SYSTEM)
        return real(batch)

    monkeypatch.setattr(store, "apply", lost_once)
    run = sends.start()
    engine.settle()
    assert tried == [run.id]
    assert Run.objects.get(parent_id=run.id).status == "queued"


@ON_POSTGRESQL
def test_what_is_opened_while_a_person_resumes_is_not_left_paused(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    workspace, real, person = current(), store._open_waits, list[threading.Thread]()

    def resumes(run_id: UUID) -> None:
        with scoped(workspace):
            runs.resume(run_id, by=SYSTEM)
        connection.close()

    def overlapping(write: Write, run: Run) -> None:
        if write.open and not person:
            Run.unscoped.filter(pk=run.id).update(pausing=True)
            run.pausing = True
            real(write, run)
            person.append(threading.Thread(target=resumes, args=[run.id]))
            person[0].start()
            person[0].join(0.3)  # it waits for the run's lock, which this transaction holds
        else:
            real(write, run)

    monkeypatch.setattr(store, "_open_waits", overlapping)
    run = sends.start()
    engine.settle()
    person[0].join(10)
    engine.settle()
    assert Run.objects.get(parent_id=run.id).status == "queued"
