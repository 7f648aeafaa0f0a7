"""Concurrency, throttle, debounce, rate, priority and singleton hold in every mode, for each key."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import Context, FlowControl, RateLimited, StartSkipped, step, workflow
from flowapp.engine import clock
from flowapp.engine.models import Limit, Run
from tests.cases.engines import Engine, ended

GATES: dict[str, threading.Event] = {}
ORDER: list[Any] = []


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    GATES.clear()
    ORDER.clear()
    yield
    for gate in GATES.values():
        gate.set()


@step
def note(what: Any) -> Any:
    ORDER.append(what)
    return what


async def body(ctx: Context, input: dict[str, Any]) -> Any:
    await note(input["n"])
    if input.get("waits"):
        await ctx.wait_for_signal("go")
        await note(f"{input['n']} again")
    return input["n"]


def statuses(*runs: Any) -> list[str]:
    return [run.status for run in runs]


def test_throttle_delays_and_keeps_the_order(engine: Engine):
    slow = workflow(name="throttled", control=FlowControl(throttle="10s"))(body)
    runs = [slow.start({"n": n}) for n in range(3)]
    engine.settle()
    assert statuses(*runs) == ["completed", "queued", "queued"]
    engine.shift("9s")
    assert ORDER == [0]
    engine.shift("2s")
    assert ORDER == [0, 1]
    engine.shift("11s")
    assert ORDER == [0, 1, 2]
    engine.shift("60s")
    assert statuses(slow.start({"n": 3}), slow.start({"n": 4}))[1] == "queued"
    engine.settle()
    assert ORDER == [0, 1, 2, 3]


def test_a_held_run_says_what_it_waits_for(engine: Engine):
    slow = workflow(name="explains-throttle", control=FlowControl(throttle="10s"))(body)
    last = workflow(name="explains-debounce", control=FlowControl(debounce="5s"))(body)
    slow.start({"n": 1})
    engine.settle()
    waits = [run.waiting_on[0] for run in (slow.start({"n": 2}), last.start({"n": 3}))]
    assert [(wait.kind, wait.name, wait.due_at > clock.now()) for wait in waits] == [
        ("limit", "throttle", True),
        ("limit", "debounce", True),
    ]


async def test_a_workflow_under_test_does_not_wait_for_real(workspace: None):
    slow = workflow(name="tested-debounce", control=FlowControl(debounce="1h"))(body)
    run = await slow.test({"n": 1})
    assert (run.status, run.output) == ("completed", 1)


def test_what_waited_is_not_throttled_again(engine: Engine):
    slow = workflow(name="throttled-waits", control=FlowControl(throttle="10s"))(body)
    run, other = slow.start({"n": 1, "waits": True}), slow.start({"n": 2})
    engine.settle()
    run.signal("go")
    engine.settle()
    assert statuses(run, other) == ["completed", "queued"]


def test_debounce_keeps_the_last(engine: Engine):
    last = workflow(name="debounced", control=FlowControl(debounce="2s", key="input.who"))(body)
    first = last.start({"n": 1, "who": "a"})
    engine.shift("1s")
    second = last.start({"n": 2, "who": "a"})
    other = last.start({"n": 9, "who": "b"})
    engine.shift("1500ms")
    assert (first.id, ORDER) == (second.id, [])
    engine.shift("1s")
    assert sorted(ORDER) == [2, 9]
    assert (ended(first), ended(other)) == (("completed", 2), ("completed", 9))
    assert Run.objects.count() == 2


def test_debounce_has_a_longest_delay(engine: Engine):
    last = workflow(name="debounced-at-most", control=FlowControl(debounce="2s", debounce_max="5s"))(body)
    for n in range(4):
        run = last.start({"n": n})
        engine.shift("1500ms")
    assert ORDER == [3]
    assert ended(run) == ("completed", 3)


def test_a_debounced_start_with_a_key_counts_once(engine: Engine):
    last = workflow(name="debounced-once", control=FlowControl(debounce="2s"))(body)
    first = last.start({"n": 1}, idempotency_key="one")
    last.start({"n": 2}, idempotency_key="two")
    assert last.start({"n": 1}, idempotency_key="one").id == first.id
    engine.shift("3s")
    assert ORDER == [2]
    assert last.start({"n": 1}, idempotency_key="one").id == first.id


def test_rate_skips_what_is_over_it(engine: Engine):
    often = workflow(name="rated", control=FlowControl(rate="2/min", key="input.who"))(body)
    for n in (1, 2):
        often.start({"n": n, "who": "a"})
    with pytest.raises(RateLimited, match="2 times in 60 s") as refused:
        often.start({"n": 3, "who": "a"})
    assert 0 < refused.value.retry_after <= 60
    often.start({"n": 4, "who": "b"})
    engine.shift("61s")
    often.start({"n": 5, "who": "a"})
    engine.settle()
    assert sorted(ORDER) == [1, 2, 4, 5]


def test_the_same_start_counts_once_for_the_rate(engine: Engine):
    often = workflow(name="rated-once", control=FlowControl(rate="1/min"))(body)
    first = often.start({"n": 1}, idempotency_key="k")
    assert often.start({"n": 1}, idempotency_key="k").id == first.id


def test_concurrency_counts_running_runs(engine: Engine):
    two = workflow(name="limited", control=FlowControl(concurrency=1, key="input.who"))(body)
    waiting = two.start({"n": 1, "who": "a", "waits": True})
    engine.settle()
    next_one, other = two.start({"n": 2, "who": "a"}), two.start({"n": 3, "who": "b"})
    engine.settle()
    assert statuses(waiting, next_one, other) == ["waiting", "completed", "completed"]
    waiting.signal("go")
    engine.settle()
    assert ended(waiting) == ("completed", 1)


def test_higher_priority_goes_first(engine: Engine):
    queued = workflow(name="prioritised", control=FlowControl(concurrency=1, throttle="10s", priority="input.tier"))(
        body
    )
    queued.start({"n": 0, "tier": 0})
    engine.settle()
    for n, tier in ((1, 1), (2, 3), (3, 2), (4, "no number")):
        queued.start({"n": n, "tier": tier})
    for _ in range(4):
        engine.shift("11s")
    assert ORDER == [0, 2, 3, 1, 4]


def test_a_singleton_skips_while_one_lives(engine: Engine):
    one = workflow(name="single-skip", control=FlowControl(singleton="skip", key="input.who"))(body)
    first = one.start({"n": 1, "who": "a", "waits": True})
    engine.settle()
    with pytest.raises(StartSkipped, match=str(first.id)):
        one.start({"n": 2, "who": "a"})
    other = one.start({"n": 3, "who": "b"})
    first.signal("go")
    engine.settle()
    assert statuses(first, other, one.start({"n": 4, "who": "a"}))[:2] == ["completed", "completed"]


def test_a_singleton_cancels_the_earlier(engine: Engine):
    one = workflow(name="single-cancel", control=FlowControl(singleton="cancel"))(body)
    first = one.start({"n": 1, "waits": True})
    engine.settle()
    second = one.start({"n": 2})
    engine.settle()
    assert statuses(first, second) == ["cancelled", "completed"]


def test_a_cancelled_run_in_line_is_passed_over(engine: Engine):
    slow = workflow(name="throttled-cancel", control=FlowControl(throttle="10s"))(body)
    _, second, third = (slow.start({"n": n}) for n in range(3))
    engine.settle()
    second.cancel()
    engine.shift("11s")
    assert (ORDER, third.status) == ([0, 2], "completed")


def test_children_wait_their_turn(engine: Engine):
    child = workflow(name="limited-child", control=FlowControl(concurrency=1, rate="1/h"))(body)

    async def parent(ctx: Context) -> Any:
        return [await ctx.invoke(child, {"n": n}) for n in range(3)]

    run = workflow(name="parent-of-limited")(parent).start()
    engine.settle()
    assert ended(run) == ("completed", [0, 1, 2])


def test_a_limit_taken_out_of_the_code_holds_nobody(engine: Engine):
    slow = workflow(name="freed", control=FlowControl(throttle="1h"))(body)
    runs = [slow.start({"n": n}) for n in range(3)]
    engine.settle()
    engine.deploy(slow, body)
    engine.sweep()
    Limit.objects.update(due_at=clock.now())
    engine.sweep()
    assert statuses(*runs) == ["completed"] * 3


def test_a_lost_call_is_made_up_by_the_sweep(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    few = workflow(name="unheard", control=FlowControl(concurrency=1))(body)
    with monkeypatch.context() as patch:
        patch.setattr("flowapp.engine.line.admission._hand_over", lambda _: None)
        run = few.start({"n": 1})
        assert Run.objects.get(pk=run.id).held
    engine.sweep()
    assert run.status == "completed"


def test_paused_retried_and_forked_runs_keep_their_place(engine: Engine):
    line = workflow(name="kept-line", control=FlowControl(concurrency=1, key="input.who", priority="input.tier"))(body)
    first = line.start({"n": 0, "who": "a", "tier": 1, "waits": True})
    engine.settle()
    fork = first.fork("note")
    one, other = (Run.objects.get(id=run.id) for run in (first, fork))
    assert (one.limit_id, one.priority) == (other.limit_id, other.priority)
    first.pause()
    first.resume()
    engine.settle()
    Run.objects.filter(id=first.id).update(status="needs_attention")
    first.retry()
    assert {run.priority for run in Run.objects.filter(id__in=[first.id, fork.id])} == {1}
    engine.settle()
    for run in (first, fork):
        run.signal("go")
    engine.settle()
    assert statuses(first, fork) == ["completed", "completed"]


def test_resuming_a_start_that_is_put_off_begins_nothing_early(engine: Engine):
    slow = workflow(name="throttled-resume", control=FlowControl(throttle="10s"))(body)
    slow.start({"n": 0})
    second = slow.start({"n": 1})
    engine.settle()
    second.pause()
    second.resume()
    engine.settle()
    assert ORDER == [0]
    engine.shift("11s")
    assert (ORDER, second.status) == ([0, 1], "completed")
