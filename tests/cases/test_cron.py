"""A cron slot becomes one run, with several schedulers too; slots missed in the meantime are made up by one run."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from flowapp import Context, workflow
from flowapp.engine import clock, registry, schedules
from flowapp.engine.models import Run, Schedule
from flowapp.engine.triggers import Cron
from tests.cases.engines import Engine


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
