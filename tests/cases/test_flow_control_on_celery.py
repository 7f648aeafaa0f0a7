"""Every rule of flow control with a real Celery worker: whoever is let in is rung for, and keeps to the order."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import Batch, Context, Event, FlowControl, RateLimited, StartSkipped, step, workflow
from flowapp.engine.models import Run
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from tests.cases.engines import CELERY, Engine
from tests.environment import backend

pytestmark = [
    pytest.mark.skipif(backend() != "postgresql", reason="Celery's workers share PostgreSQL"),
    pytest.mark.parametrize("engine", [CELERY], indirect=True),
]
GATE = threading.Event()
ORDER: list[Any] = []


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    GATE.clear()
    ORDER.clear()
    yield
    GATE.set()


@step
def note(what: Any) -> Any:
    ORDER.append(what)
    return what


@step
def hold(what: Any) -> None:
    ORDER.append(what)
    assert GATE.wait(20)


async def body(ctx: Context, input: Any) -> Any:
    return await note(input)


async def holding(ctx: Context, input: Any) -> None:
    await hold(input)


def test_concurrency_lets_the_next_in_by_priority(engine: Engine):
    few = workflow(name="c-few", control=FlowControl(concurrency=1, priority="input"))(holding)
    few.start(0)
    engine.until(lambda: ORDER == [0])
    for priority in (1, 3, 2):
        few.start(priority)
    GATE.set()
    engine.settle()
    assert ORDER == [0, 3, 2, 1]


def test_what_time_lets_in(engine: Engine):
    slow = workflow(name="c-slow", control=FlowControl(throttle="1h"))(body)
    last = workflow(name="c-last", control=FlowControl(debounce="1h"))(body)
    workflow(name="c-many", triggers=[Event("c/x")], batch=Batch(3, "1h"))(_many)
    for n in range(2):
        slow.start(f"slow {n}")
        last.start(f"last {n}")
        events.publish("c/x", n, by=SYSTEM)
    engine.settle()
    assert ORDER == ["slow 0"]
    engine.shift("61m")
    assert sorted(map(str, ORDER)) == ["[0, 1]", "last 1", "slow 0", "slow 1"]


async def _many(ctx: Context, items: list[int]) -> None:
    await note(items)


def test_what_is_skipped(engine: Engine):
    rated = workflow(name="c-rated", control=FlowControl(rate="2/h"))(body)
    one = workflow(name="c-one", control=FlowControl(singleton="skip"))(holding)
    newest = workflow(name="c-newest", control=FlowControl(singleton="cancel"))(holding)
    for n in range(2):
        rated.start(n)
    with pytest.raises(RateLimited):
        rated.start(2)
    one.start("one")
    with pytest.raises(StartSkipped):
        one.start("two")
    first, second = newest.start("first"), newest.start("second")
    GATE.set()
    engine.settle()
    assert (first.status, second.status) == ("cancelled", "completed")
    assert Run.objects.filter(status="completed").count() == 4
