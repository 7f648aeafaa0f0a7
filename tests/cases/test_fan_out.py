"""map checkpoints each item, keeps what finished, and collects or raises failures; a queue spreads the items."""

import asyncio
from typing import Any

import pytest

from flowapp import Context, step, workflow
from flowapp.engine import parents
from flowapp.engine.models import Checkpoint, Run
from flowapp.engine.verbs import remote_items
from tests.cases import effects
from tests.cases.engines import ONLY_CELERY, Engine, ended

BROKEN: set[int] = set()


def square(number: int) -> int:
    effects.done.append(str(number))
    if number in BROKEN:
        raise ValueError(f"{number} is odd")
    return number * number


@workflow(name="fan-out")
async def mapping(ctx: Context, limit: int | None) -> list[int]:
    return await ctx.map("square", square, range(6), limit=limit)


@workflow(name="fan-out-collect")
async def collecting(ctx: Context, queue: str | None) -> list[Any]:
    found: list[Any] = await ctx.map("square", square, range(6), on_error="collect", queue=queue)
    return [str(one) if isinstance(one, BaseException) else one for one in found]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch):
    """What is cut and put off by the hundred, by the handful."""
    BROKEN.clear()
    monkeypatch.setattr(remote_items, "BATCHES", 6)
    monkeypatch.setattr(parents, "LINGER_FROM", 4)


@pytest.mark.parametrize("limit", [None, 2])
def test_each_item_once(engine: Engine, limit: int | None):
    with engine.crash_after("square") as crash:
        run = mapping.start(limit)
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", [0, 1, 4, 9, 16, 25])
    assert set(effects.done) == set("012345")


@pytest.mark.parametrize("limit", [None, 2])
def test_a_retry_runs_only_what_failed(engine: Engine, limit: int | None):
    BROKEN.add(5)
    run = mapping.start(limit)
    engine.settle()
    assert ended(run) == ("failed", "ValueError")
    BROKEN.clear()
    done = [row.output for row in run.steps if row.status == "completed"]
    before = len(effects.done)
    run.retry()
    engine.settle()
    assert ended(run) == ("completed", [0, 1, 4, 9, 16, 25])
    assert len(effects.done) - before == 6 - len(done)


@pytest.mark.parametrize("queue", [None, "default", "elsewhere"])
def test_collected_failures_stand_in_their_places(engine: Engine, queue: str | None):
    BROKEN.update({1, 3})
    run = collecting.start(queue)
    engine.settle() if queue != "elsewhere" else engine.drain("elsewhere")
    assert ended(run) == ("completed", [0, "1 is odd", 4, "3 is odd", 16, 25])
    assert Run.objects.filter(workflow="flowapp-map").count() == (6 if queue else 0)


def pausing(number: int) -> int:
    if number == 4:
        effects.enter("half")
    return square(number)


@workflow(name="fan-out-inside")
async def halting(ctx: Context) -> list[int]:
    return await ctx.map("square", pausing, range(8), limit=1)


@pytest.mark.parametrize("lease_seconds", [1.2])  # a heartbeat tells how many there are
def test_items_inside_are_counted_too(engine: Engine, lease_seconds: float):
    with effects.closed("half"):
        run = halting.start()
        engine.until(lambda: run.waiting_on and run.waiting_on[0].detail["done"] == 4)
        (wait,) = run.waiting_on
        assert (run.status, wait.kind, wait.name, wait.detail) == ("running", "map", "square", {"done": 4, "of": 8})
    engine.settle()
    assert (run.status, run.waiting_on) == ("completed", [])


@workflow(name="fan-out-elsewhere")
async def spreading(ctx: Context, limit: int | None) -> int:
    return sum(await ctx.map("square", square, range(24), limit=limit, queue="elsewhere"))


TOTAL = sum(number * number for number in range(24))


@pytest.mark.parametrize("limit", [None, 2])
def test_items_elsewhere_are_counted_in_one_wait(engine: Engine, limit: int | None):
    run = spreading.start(limit)
    engine.until(lambda: run.status == "waiting")
    (wait,) = run.waiting_on
    assert (wait.kind, wait.name, wait.detail) == ("map", "square", {"done": 0, "of": 24})
    assert [step.status for step in run.steps] == ["waiting"]
    engine.drain("elsewhere")
    assert ended(run) == ("completed", TOTAL)
    assert sorted(map(int, effects.done)) == list(range(24))
    if limit is None and engine.mode != "always-suspend":
        assert Run.objects.get(pk=run.id).fence == 2  # it was claimed to ask and to hear, and never between


MANY = 10_000


async def counted(number: int) -> int:
    if number == MANY // 2:
        await asyncio.to_thread(effects.enter, "one of them")
    effects.done.append("")
    return number


@workflow(name="fan-out-many")
async def spreading_many(ctx: Context) -> int:
    return sum(await ctx.map("count", counted, range(MANY), queue="elsewhere"))


@pytest.mark.parametrize("engine", ONLY_CELERY, indirect=True)
def test_ten_thousand_items_tell_how_far_they_are(engine: Engine):
    seen: list[int] = []

    def all_but_one() -> bool:
        seen.extend(wait.detail["done"] for wait in run.waiting_on)
        return seen[-1:] == [MANY - 1]

    with engine.working("elsewhere"):
        with effects.closed("one of them"):
            run = spreading_many.start()
            engine.until(all_but_one, patience=60)
        engine.until(lambda: run.status == "completed", patience=60)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert (run.output, len(effects.done)) == (sum(range(MANY)), MANY)


def test_a_crash_elsewhere_repeats_no_finished_item(engine: Engine):
    run = spreading.start(2)
    with engine.crash_after("square") as crash, engine.working("elsewhere"):
        crash.wait()
    engine.recover(settle=False)
    engine.drain("elsewhere")
    assert ended(run) == ("completed", TOTAL)
    assert sorted({int(item) for item in effects.done}) == list(range(24))
    assert len(effects.done) <= 24 + 2  # what the others had under way when their worker left


@pytest.mark.parametrize("limit", [None, 2])
def test_a_retry_elsewhere_runs_only_what_did_not_finish(engine: Engine, limit: int | None):
    BROKEN.update({12, 13})
    run = spreading.start(limit)
    engine.drain("elsewhere")
    error = run.detail.error
    assert (ended(run), error["step"]) == (("failed", "ValueError"), "square")
    engine.shift("2s")  # what nobody waits for any more is cancelled
    assert not Run.objects.filter(ended_at__isnull=True).exists()
    done, kept = len(effects.done), Checkpoint.objects.filter(kind="step", status="completed").count()
    assert 0 < kept < 23
    BROKEN.clear()
    run.retry()
    engine.drain("elsewhere")
    assert ended(run) == ("completed", TOTAL)
    assert len(effects.done) - done == 24 - kept


def keyed(number: int) -> str:
    return effects.effect(str(number)) and step.idempotency_key


@workflow(name="fan-out-keys")
async def naming(ctx: Context) -> list[str]:
    return [await ctx.step("one", keyed, 0, queue="elsewhere"), *await ctx.map("all", keyed, [1], queue="elsewhere")]


def test_keys_are_of_the_run_that_asked(engine: Engine):
    run = naming.start()
    engine.drain("elsewhere")
    assert ended(run) == ("completed", [f"{run.id}:one:1", f"{run.id}:all:1.1"])


@workflow(name="fan-out-child")
async def one_of_many(ctx: Context, number: int) -> int:
    return number


@workflow(name="fan-out-children")
async def gathering(ctx: Context) -> int:
    return sum(await asyncio.gather(*(ctx.invoke(one_of_many, number) for number in range(12))))


def test_many_children_wake_their_parent_together(engine: Engine):
    run = gathering.start()
    engine.settle()
    engine.shift("6s")
    assert ended(run) == ("completed", sum(range(12)))
    if engine.mode == "immediate":
        assert Run.objects.get(pk=run.id).fence < 8
