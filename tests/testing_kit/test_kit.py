"""A workflow under test: steps replaced, decisions scripted, time moved, the worker crashed."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync

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
