"""A workflow under test: steps replaced, decisions scripted, time moved, the worker crashed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from pydantic import BaseModel

from approvals.states import Decision
from flowapp import Context, PromptExpired, Retry, step, workflow
from flowapp.engine import clock as engine_clock
from flowapp.testing import Clock, crash_after, crash_before

pytestmark = pytest.mark.django_db

CHARGED: list[str] = []


@step(retry=Retry(max_attempts=3))
async def charge(amount: int) -> str:
    CHARGED.append(step.idempotency_key)
    return f"ref-{amount}"


@workflow(name="kit-order")
async def order(ctx: Context, amount: int) -> str:
    decision = await ctx.prompt("review", type="review", data=amount, assign="role:manager", timeout="48h")
    if decision.outcome != "approve":
        return "denied"
    await ctx.sleep("3d")
    return await charge(amount)


@pytest.fixture(autouse=True)
def _clean():
    CHARGED.clear()


async def test_steps_are_replaced_and_decisions_scripted():
    run = await order.test(7, decisions={"review": "approve"}, steps={"charge": lambda amount: f"fake-{amount}"})
    assert (run.status, run.output, CHARGED) == ("completed", "fake-7", [])
    run = await order.test(7, decisions={"review": lambda amount: "deny" if amount > 5 else "approve"})
    assert run.output == "denied"
    run = await order.test(7, decisions={"review": PromptExpired("nobody came")})
    assert (run.status, run.error["type"]) == ("failed", "PromptExpired")


async def test_a_clock_of_ones_own_stands_still_until_moved():
    clock = Clock()
    run = await order.test(7, clock=clock, decisions={"review": "approve"})
    assert (run.status, [wait.kind for wait in run.waiting_on]) == ("waiting", ["sleep"])
    clock.shift(timedelta(days=2))
    await run.proceed()
    assert run.status == "waiting"
    clock.shift("25h")
    await run.proceed()
    assert (run.status, run.output) == ("completed", "ref-7")


@pytest.mark.parametrize("always_suspend", [False, True])
async def test_a_crash_after_the_checkpoint_does_not_repeat_the_step(always_suspend):
    crash = crash_after("charge")
    run = await order.test(7, decisions={"review": "approve"}, crash=crash, always_suspend=always_suspend)
    assert (run.status, run.output, len(CHARGED), crash.happened) == ("completed", "ref-7", 1, True)


async def test_a_crash_before_the_checkpoint_repeats_the_step_under_the_same_key():
    run = await order.test(7, decisions={"review": "approve"}, crash=crash_before("charge"))
    assert (run.status, run.output, len(CHARGED), len(set(CHARGED))) == ("completed", "ref-7", 2, 1)


@pytest.mark.parametrize("options", [{}, {"clock": Clock()}])
def test_the_clock_is_put_back_when_the_test_ends(options):
    async def a_test():
        run = await order.test(7, decisions={"review": "approve"}, **options)
        options.get("clock", Clock()).shift("1h")
        await run.proceed()
        assert engine_clock.now() - datetime.now(UTC) > timedelta(minutes=59)

    async_to_sync(a_test)()
    assert engine_clock.now() - datetime.now(UTC) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"steps": {"chrage": "ref-1"}}, "steps: 'chrage'"),
        ({"decisions": {"review": "approve", "reveiw": "deny"}}, "decisions: 'reveiw'"),
        ({"crash": crash_after("chrage")}, "crash: 'chrage'"),
        ({"crash": crash_before("chrage"), "steps": {"charge": "ref-1"}}, "crash: 'chrage'"),
    ],
)
async def test_a_name_that_the_run_never_came_to_is_told(options, told):
    with pytest.raises(AssertionError, match="is completed and never came to ") as raised:
        await order.test(7, **({"decisions": {"review": "approve"}} | options))
    assert told in str(raised.value)
    run = await order.test(7, **({"decisions": {"review": "approve"}} | options), allow_unreached=True)
    assert run.status == "completed"


async def test_a_step_that_exists_need_not_be_reached():
    def never(*_: Any) -> None:
        raise AssertionError("nobody is charged")

    run = await order.test(7, decisions={"review": "deny"}, steps={"charge": never})
    assert (run.status, run.output) == ("completed", "denied")


async def test_what_lies_ahead_yet_is_no_mistake():
    clock = Clock()
    run = await order.test(7, clock=clock, decisions={"review": "approve"}, steps={"charge": "ref-1", "chrage": "?"})
    assert run.status == "waiting"
    clock.shift("73h")
    with pytest.raises(AssertionError, match="'chrage'"):
        await run.proceed()


class Address(BaseModel):
    street: str
    sent: Decimal = Decimal(0)


@workflow(name="kit-asking")
async def asking(ctx: Context, type_: str) -> list[str]:
    shown = Address(street="Lane 1", sent=Decimal("1.50"))
    every: dict[str, dict[str, Any]] = {
        "review": {},
        "edit": {"data": shown},
        "edit of no model": {"data": {"sent": shown.sent}},
        "form": {"form": Address},
        "choice": {"choices": ["red", "blue"]},
    }
    answer = await ctx.prompt("ask", type=type_.partition(" ")[0], assign="role:manager", **every[type_])  # type: ignore[call-overload]
    return [answer.outcome, repr(answer.data)]


def answer(outcome: str, data: Any) -> Decision[Any]:
    return Decision(outcome, "", data, by=None, at=datetime.now(UTC), channel="web")


@pytest.mark.parametrize(
    ("type_", "script", "data"),
    [
        ("review", "deny", "None"),
        ("edit", "approve", "Address(street='Lane 1', sent=Decimal('1.50'))"),
        ("edit", answer("approve", {"street": "Lane 2"}), "Address(street='Lane 2', sent=Decimal('0'))"),
        ("edit of no model", "approve", "{'sent': '1.50'}"),
        ("form", answer("submit", Address(street="Lane 2")), "Address(street='Lane 2', sent=Decimal('0'))"),
        ("form", lambda _: answer("submit", {"street": "Lane 2"}), "Address(street='Lane 2', sent=Decimal('0'))"),
        ("choice", answer("submit", "red"), "['red']"),
    ],
)
async def test_a_scripted_decision_is_typed_as_a_real_one(type_, script, data):
    run = await asking.test(type_, decisions={"ask": script})
    assert (run.status, run.error, run.output[1]) == ("completed", None, data)


@pytest.mark.parametrize(
    ("type_", "script", "told"),
    [
        ("review", "aprove", "'aprove' is not an outcome of this prompt; choose approve or deny"),
        ("review", answer("approve", "why"), "takes no data"),
        ("form", "submit", "this prompt needs data"),
        ("form", answer("submit", {"stret": "Lane 2"}), "street"),
        ("choice", "submit", "this prompt needs data"),
        ("choice", answer("submit", ["green"]), "one of red, blue"),
        ("edit", answer("approve", {"sent": 2}), "street"),
    ],
)
async def test_a_scripted_decision_that_nobody_could_make_is_told(type_, script, told):
    with pytest.raises(AssertionError, match="the decision scripted for 'ask'") as raised:
        await asking.test(type_, decisions={"ask": script})
    assert told in str(raised.value)
