"""A cron slot becomes one run, with several schedulers too; slots missed in the meantime are made up by one run."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from flowapp import Context, workflow
from flowapp.engine import clock, registry
from flowapp.engine.errors import BadDefinition
from flowapp.engine.handle import Run as Handle
from flowapp.engine.models import Run, Schedule
from flowapp.engine.triggering import schedules
from flowapp.engine.triggers import Cron
from tests.cases.engines import Engine, ended


async def tick(ctx: Context, number: int) -> int:
    return number


@pytest.fixture(autouse=True)
def installed(engine: Engine) -> Iterator[None]:
    workflow(name="every-hour", triggers=[Cron("0 * * * *", input=7)])(tick)
    schedules.install()
    yield
    del registry._workflows[("every-hour", 1)]


def to_the_next_slot() -> None:
    at = Schedule.objects.get(workflow="every-hour").next_at
    clock.shift(at - clock.now() + timedelta(seconds=1))


def test_once_a_slot(engine: Engine):
    for count in (1, 2):
        to_the_next_slot()
        engine.sweep()
        engine.sweep()
        assert Run.objects.filter(workflow="every-hour").count() == count
    assert {run.status for run in Run.objects.filter(workflow="every-hour")} == {"completed"}


def test_once_a_slot_with_several_schedulers(engine: Engine):
    to_the_next_slot()
    together = threading.Barrier(4)

    def schedule() -> None:
        try:
            together.wait()
            schedules.start_due()
        finally:
            connection.close()

    threads = [threading.Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.sweep()
    assert Run.objects.filter(workflow="every-hour").count() == 1


def test_missed_slots_are_made_up_once(engine: Engine):
    clock.shift("10h")
    engine.sweep()
    assert Run.objects.filter(workflow="every-hour").count() == 1
    assert Schedule.objects.get(workflow="every-hour").next_at > clock.now()


def test_missed_slots_are_skipped(engine: Engine):
    registry._workflows.pop(("every-hour", 1))
    workflow(name="every-hour", triggers=[Cron("0 * * * *", input=7, missed="skip")])(tick)
    clock.shift("10h")
    engine.sweep()
    late = Run.objects.filter(workflow="every-hour").count()
    assert late == int(clock.now().minute == 0)  # the slot of this very minute is none that was missed
    to_the_next_slot()
    engine.sweep()
    assert Run.objects.filter(workflow="every-hour").count() == late + 1


def test_missed_slots_are_backfilled_each_with_its_own_input(engine: Engine):
    registry._workflows.pop(("every-hour", 1))
    cron = Cron("0 * * * *", input=lambda slot: slot.hour, missed="backfill")
    workflow(name="every-hour", triggers=[cron])(tick)
    first = Schedule.objects.get(workflow="every-hour").next_at
    clock.shift(first - clock.now() + timedelta(hours=4, seconds=1))
    engine.sweep()
    hours = [ended(Handle(run.id)) for run in Run.objects.filter(workflow="every-hour").order_by("id")]
    assert hours == [("completed", (first.hour + n) % 24) for n in range(5)]


def test_a_backfill_is_bounded_and_says_so(engine: Engine, caplog: pytest.LogCaptureFixture):
    registry._workflows.pop(("every-hour", 1))
    workflow(name="every-hour", triggers=[Cron("0 * * * *", input=7, missed="backfill")])(tick)
    clock.shift("400h")
    engine.sweep()
    assert Run.objects.filter(workflow="every-hour").count() == schedules.BACKFILL_AT_MOST
    assert "workflow every-hour missed more slots than are made up for" in caplog.text


def test_an_unknown_policy_is_refused():
    with pytest.raises(BadDefinition, match="not 'later'"):
        Cron("0 * * * *", missed="later")  # type: ignore[arg-type]
