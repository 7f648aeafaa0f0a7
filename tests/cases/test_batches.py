"""A batch becomes one run at its size or at its age, each event in it once."""

from typing import Any

from flowapp import Batch, Context, Event, FlowControl, workflow
from flowapp.engine.models import Event as EventRow
from flowapp.engine.models import Run
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from tests.cases.engines import Engine, ended


async def collect(ctx: Context, orders: list[dict[str, Any]]) -> list[int]:
    return [order["n"] for order in orders]


def publish(*numbers: int, id: str = "", **more: Any) -> list[Any]:
    found = []
    for n in numbers:
        done = events.publish("batch/order", {"n": n, **more}, by=SYSTEM, id=f"{id}{n}" if id else None)
        found.append(events.found_by(done.id))
    return found


def outputs() -> list[Any]:
    return [ended(run)[1] for run in map(handle, Run.objects.order_by("id"))]


def handle(row: Run) -> Any:
    from flowapp.engine.handle import Run as Handle

    return Handle(row.id)


def test_at_its_size_and_at_its_age(engine: Engine):
    workflow(name="collects", triggers=[Event("batch/order")], batch=Batch(3, "5s"))(collect)
    found = publish(1, 2, 3, 4)
    assert [one.matched[0]["run_id"] is None for one in found] == [True, True, False, True]
    engine.settle()
    assert outputs() == [[1, 2, 3]]
    engine.shift("4s")
    publish(5)
    engine.shift("2s")
    assert outputs() == [[1, 2, 3], [4, 5]]
    engine.shift("60s")
    assert Run.objects.count() == 2


def test_for_each_key(engine: Engine):
    control = FlowControl(key="event.data.who", batch=Batch(2, "5s"))
    workflow(name="collects-by-key", triggers=[Event("batch/order")], control=control)(collect)
    publish(1, who="a")
    publish(2, who="b")
    publish(3, who="a")
    engine.settle()
    assert outputs() == [[1, 3]]


def test_an_event_looked_at_again_is_in_it_once(engine: Engine):
    workflow(name="collects-once", triggers=[Event("batch/order")], batch=Batch(2, "5s"))(collect)
    publish(1, id="order-")
    event = EventRow.objects.get()
    events.look(event.id, event.workspace_id)
    publish(2, id="order-")
    engine.settle()
    events.look(event.id, event.workspace_id)
    engine.settle()
    assert outputs() == [[1, 2]]
    assert events.found_by(event.id).matched[0]["run_id"] == str(Run.objects.get().id)


def test_data_that_does_not_fit_is_left_out_and_says_so(engine: Engine):
    workflow(name="collects-numbers", triggers=[Event("batch/order")], batch=Batch(2, "5s"))(sums)
    found = events.found_by(events.publish("batch/order", {"n": 1}, by=SYSTEM).id)
    assert found.matched == []
    assert "valid integer" in found.skipped[0]["reason"]
    for number in (1, 2):
        events.publish("batch/order", number, by=SYSTEM)
    engine.settle()
    assert outputs() == [3]


async def sums(ctx: Context, numbers: list[int]) -> int:
    return sum(numbers)


def test_the_runs_of_batches_stand_under_the_other_rules(engine: Engine):
    control = FlowControl(batch=Batch(2, "5s"), throttle="1m")
    workflow(name="collects-slowly", triggers=[Event("batch/order")], control=control)(collect)
    publish(1, 2, 3, 4)
    engine.settle()
    assert [run.status for run in Run.objects.order_by("id")] == ["completed", "queued"]
    engine.shift("61s")
    assert outputs() == [[1, 2], [3, 4]]


def test_started_directly_it_is_the_list_itself(engine: Engine):
    now = workflow(name="collects-at-once", triggers=[Event("batch/order")], batch=Batch(50, "5s"))(collect)
    run = now.start([{"n": 1}])
    engine.settle()
    assert ended(run) == ("completed", [1])
