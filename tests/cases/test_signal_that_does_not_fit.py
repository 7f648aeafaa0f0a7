"""A signal of another type than the run asks for is refused while the run waits; one sent before raises in the body."""

from decimal import Decimal
from typing import Any

import pytest

from flowapp import Context, InvalidSignal, workflow
from tests.cases.engines import Engine, ended


@workflow(name="signal-does-not-fit")
async def paying(ctx: Context, patient: bool) -> list[str]:
    await ctx.sleep("1h")
    said: list[str] = []
    while not said or said[-1] == "wrong":
        try:
            said.append(str(await ctx.wait_for_signal("amount", type=Decimal)))
        except InvalidSignal as wrong:
            if not patient:
                raise
            said.append("wrong" if wrong.errors[0]["loc"] == ["data"] else "unnamed")
    await ctx.sleep("1h")
    return said


def test_one_sent_before_raises_in_the_body_and_does_so_on_replay(engine: Engine):
    run = paying.start(True)
    run.signal("amount", "abc")
    run.signal("amount", {"of": 1})
    run.signal("amount", "1.50")
    engine.settle()
    engine.shift("61m")
    assert run.status == "waiting"
    engine.shift("61m")
    assert ended(run) == ("completed", ["wrong", "wrong", "1.50"])


def test_a_run_that_does_not_catch_it_fails_and_a_retry_takes_the_next(engine: Engine):
    run = paying.start(False)
    run.signal("amount", "abc")
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("failed", "InvalidSignal")
    assert "signal 'amount'" in run.error["message"]
    run.retry()
    engine.settle()
    run.signal("amount", "2")
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("completed", ["2"])


def test_while_it_is_waited_for_the_sender_is_told(engine: Engine):
    run = paying.start(True)
    engine.settle()
    engine.shift("61m")
    with pytest.raises(InvalidSignal, match="signal 'amount' does not fit") as refused:
        run.signal("amount", "abc")
    assert [one["loc"] for one in refused.value.errors] == [["data"]]
    run.signal("amount", "3")
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("completed", ["3"])


@workflow(name="signal-of-a-changed-type")
async def texts(ctx: Context) -> Any:
    got = await ctx.wait_for_signal("what", type=str)
    await ctx.sleep("1h")
    return got


async def numbers(ctx: Context) -> Any:
    got = await ctx.wait_for_signal("what", type=int)
    await ctx.sleep("1h")
    return got


def test_one_that_fitted_when_it_was_taken_is_for_a_person(engine: Engine):
    run = texts.start()
    engine.settle()
    run.signal("what", "abc")
    engine.settle()
    engine.deploy(texts, numbers)
    engine.shift("61m")
    assert run.status == "needs_attention"
    assert "no longer fits its type" in run.error["message"]
