"""Bad input is refused with a clear error at the earliest moment: where it is written, or where it is passed."""

from dataclasses import dataclass
from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from flowapp import Context, NotInWorkflow, Retry, step, workflow
from flowapp.engine import codec
from flowapp.engine.errors import AlreadyRegistered, BadDefinition, InvalidInput
from flowapp.engine.triggers import Cron, Event
from tests.cases import effects
from tests.cases.engines import Engine, ended


class Handle:
    """Something that has no JSON."""


@dataclass
class Holder:
    items: list[Any]


@step(retry=Retry(max_attempts=5))
async def unstorable() -> Any:
    effects.effect("ran")
    return Holder([1, {"deep": Handle()}])


@workflow(name="unstorable-result")
async def returning(ctx: Context) -> Any:
    return await unstorable()


@workflow(name="unstorable-argument")
async def passing(ctx: Context) -> Any:
    return await ctx.step("take", effects.effect, [Handle()])  # type: ignore[arg-type]


@workflow(name="unstorable-output")
async def answering(ctx: Context) -> Any:
    return {"a": (Handle(),)}


@pytest.mark.parametrize(
    ("flow", "path"),
    [(returning, "value.items[1]['deep'] is a Handle"), (passing, "[0] is a Handle"), (answering, "['a'][0]")],
)
def test_what_cannot_be_stored_is_named_with_its_path(engine: Engine, flow: Any, path: str):
    run = flow.start()
    engine.settle()
    assert ended(run) == ("failed", "NotSerializable")
    assert path in run.error["message"]
    assert effects.done == (["ran"] if flow is returning else [])


@workflow(name="too-large")
async def large(ctx: Context, where: str) -> None:
    if where == "argument":
        await ctx.step("take", len, "x" * 2000)
    else:
        await ctx.step("make", lambda: "x" * 2000)


@pytest.mark.parametrize("where", ["argument", "result"])
def test_a_payload_over_the_limit(engine: Engine, where: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(codec, "LIMIT", 1000)
    run = large.start(where)
    engine.settle()
    assert ended(run) == ("failed", "PayloadTooLarge")
    assert "1,000" in run.error["message"]
    assert run.error["step"] == ("take" if where == "argument" else "make")


@workflow(name="too-much-in-all")
async def many(ctx: Context) -> None:
    for _ in range(10):
        await ctx.step("make", lambda: "x" * 900)
        await ctx.sleep("1h")


def test_a_run_over_the_limit(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(codec, "RUN_LIMIT", 2500)
    run = many.start()
    engine.settle()
    for _ in range(3):
        engine.shift("61m")
    assert ended(run) == ("failed", "PayloadTooLarge")
    assert "2,500" in run.error["message"]


@pytest.mark.usefixtures("workspace")
def test_a_step_outside_a_workflow():
    with pytest.raises(NotInWorkflow, match=r"unstorable\.fn"):
        unstorable()


@step
async def nested() -> None:
    await unstorable()


@workflow(name="nested-step")
async def nesting(ctx: Context) -> None:
    await nested()


def test_a_step_inside_a_step(engine: Engine):
    run = nesting.start()
    engine.settle()
    assert ended(run) == ("failed", "NotInWorkflow")


def test_input_that_does_not_fit(engine: Engine):
    with pytest.raises(InvalidInput, match="input: "):
        large.start(5)  # type: ignore[arg-type]


async def body(ctx: Context, order: Holder) -> None: ...


@pytest.mark.parametrize(
    ("declare", "place"),
    [
        (lambda: step(timeout="soon")(len), "timeout"),
        (lambda: Retry(initial="1 fortnight"), "initial"),
        (lambda: step(timeout="0s")(len), "timeout"),
        (lambda: step(timeout="99999999999d")(len), "100 years"),
        (lambda: step(retry=3)(len), "retry"),  # type: ignore[call-overload]
        (lambda: Retry(max_attempts=0), "max_attempts"),
        (lambda: Retry(max_attempts=2.5), "max_attempts"),  # type: ignore[arg-type]
        (lambda: Retry(max_attempts=inf), "max_attempts"),  # type: ignore[arg-type]
        (lambda: Retry(initial="99999999999d"), "initial"),
        (lambda: Retry(max_delay=inf), "max_delay"),
        (lambda: Retry(factor=-2), "factor"),
        (lambda: Retry(factor=0.5), "factor"),
        (lambda: Retry(factor=nan), "factor"),
        (lambda: Retry(factor=inf), "factor"),
        (lambda: Retry(factor="2"), "factor"),  # type: ignore[arg-type]
        (lambda: Retry(non_retryable=KeyError), "non_retryable"),  # type: ignore[arg-type]
        (lambda: Retry(non_retryable=("KeyError",)), "non_retryable"),  # type: ignore[arg-type]
        (lambda: Retry(non_retryable=(dict,)), "non_retryable"),  # type: ignore[arg-type]
        (lambda: Event("paid", when="event.data.total >"), "event.data.total >"),
        (lambda: Event("paid", when="evnt.data"), "evnt"),
        (lambda: Cron("61 * * * *"), "minute"),
        (lambda: Cron("* * * * *", tz="Mars/North"), "Mars/North"),
        (lambda: workflow(name="w", search={"n": "input.("})(body), "'n'"),
        (lambda: workflow(name="w")(len), "async"),  # type: ignore[arg-type]
        (lambda: step(atomic=True)(unstorable.fn), "atomic"),
    ],
)
def test_declarations_are_checked_when_registered(declare: Any, place: str):
    with pytest.raises(BadDefinition) as refused:
        declare()
    assert place in str(refused.value)


def test_a_negative_duration():
    with pytest.raises(BadDefinition, match="timeout"):
        step(timeout=timedelta(seconds=-1))(len)


def test_a_workflow_registered_twice(engine: Engine):
    async def other(ctx: Context) -> None: ...

    with pytest.raises(AlreadyRegistered, match="too-large"):
        workflow(name="too-large")(other)

    def make(number: int) -> Any:
        if number:

            async def same(ctx: Context) -> None: ...
        else:

            async def same(ctx: Context) -> None: ...

        return workflow(name="same-place")(same)

    make(0)
    make(0)  # the same code imported anew is no second workflow
    with pytest.raises(AlreadyRegistered, match="same-place"):
        make(1)
