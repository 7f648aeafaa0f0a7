"""A fault of the engine, or of who measures it, stays with its run: that asks for a person, its neighbours go on."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import Context, step, workflow
from flowapp.engine import telemetry
from flowapp.engine.driving.driver import RunDriver
from flowapp.engine.driving.open_waits import OpenWaits
from flowapp.engine.executor import Executor
from flowapp.engine.group_commit import GroupCommit
from flowapp.engine.handle import Run
from flowapp.engine.records import Outcome, Write
from flowapp.tenancy.ids import uuid7
from tests.cases.engines import Engine, ended


@step
async def one() -> int:
    return 1


@workflow(name="faulty")
async def faulty(ctx: Context) -> int:
    _, first = await asyncio.gather(ctx.sleep("1h"), one())
    return first + await one()


@workflow(name="sound")
async def sound(ctx: Context) -> int:
    _, first = await asyncio.gather(ctx.sleep("1h"), one())
    return first + await one()


def _failing(real: Any) -> Any:
    def fails(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _run_of(self, args).workflow == "faulty":
            raise ZeroDivisionError("a fault of the engine")
        return real(self, *args, **kwargs)

    return fails


def _run_of(owner: Any, args: Any) -> Any:
    return owner.run if isinstance(owner, RunDriver) else args[0].run


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Executor, "make_context"),  # when a run begins
        (RunDriver, "_go_on"),  # after a commit
        (RunDriver, "answered"),  # after a question to the store
        (RunDriver, "_start_calls"),  # in the midst of its body
    ],
)
def test_the_run_asks_for_a_person(engine: Engine, monkeypatch: pytest.MonkeyPatch, owner: type, name: str):
    monkeypatch.setattr(owner, name, _failing(getattr(owner, name)))
    runs = [faulty.start(), sound.start(), faulty.start()]
    engine.settle()
    engine.shift("2h")
    _only_the_faulty_stopped(runs)


def test_a_run_that_cannot_be_taken_up_asks_for_a_person(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    run, made = faulty.start(), OpenWaits.__init__
    engine.settle()

    def fails(self: OpenWaits, waits: Any, *rest: Any) -> None:
        if any(wait.run_id == run.id for wait in waits):
            raise ZeroDivisionError("its waits cannot be read")
        made(self, waits, *rest)

    monkeypatch.setattr(OpenWaits, "__init__", fails)
    other = sound.start()
    engine.settle()
    engine.shift("2h")
    _only_the_faulty_stopped([run, other])


class Breaks:
    """Somebody who measures and fails at all of it."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError("it cannot be measured")


@pytest.fixture
def breaking() -> Iterator[None]:
    observer: Any = Breaks()
    telemetry.observe(observer)
    yield
    telemetry.observers.remove(observer)
    telemetry._failed.clear()


@pytest.mark.usefixtures("breaking")
def test_who_measures_stops_no_run(engine: Engine, caplog: pytest.LogCaptureFixture):
    runs = [sound.start() for _ in range(3)]
    engine.settle()
    engine.shift("2h")
    assert [ended(run) for run in runs] == [("completed", 2)] * 3
    told = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert "an observer failed at 'outcome'; what else it fails at there is not logged" in told
    assert len(told) == len(set(told))


@pytest.mark.usefixtures("workspace")
def test_what_one_does_with_its_outcome_costs_no_neighbour_its_own(caplog: pytest.LogCaptureFixture):
    loop, heard = asyncio.new_event_loop(), list[Outcome]()
    commits = GroupCommit(loop)

    def breaks(outcome: Outcome) -> None:
        raise ZeroDivisionError("nobody takes it in")

    def hears(outcome: Outcome) -> None:
        heard.append(outcome)
        if len(heard) == 2:
            loop.call_soon(loop.stop)

    for done in (hears, breaks, hears):
        commits.submit(Write(uuid7(), uuid7(), 1), done)
    loop.call_later(20, loop.stop)
    loop.run_forever()
    commits.stop()
    loop.close()
    assert len(heard) == 2
    assert "nobody took in what became of its write" in caplog.text


def _only_the_faulty_stopped(runs: list[Run]) -> None:
    for run in runs:
        if run.detail.workflow == "sound":
            assert ended(run) == ("completed", 2)
        else:
            assert ended(run) == ("needs_attention", "NeedsAttention")
            assert "the engine failed on this run: ZeroDivisionError" in run.error["message"]
