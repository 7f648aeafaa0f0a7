"""RetryAfter is honoured: the next attempt comes after its delay, not after the policy's; what is no delay is told."""

import pytest

from flowapp import Context, Retry, RetryAfter, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step(retry=Retry(max_attempts=3, initial="1s", max_delay="2s"))
async def limited() -> str:
    effects.effect(f"attempt {step.attempt}")
    if step.attempt == 1:
        raise RetryAfter("1h")
    return "done"


@workflow(name="retry-after")
async def asking(ctx: Context) -> str:
    return await limited()


def test_the_delay_is_the_one_asked_for(engine: Engine):
    run = asking.start()
    engine.settle()
    engine.shift("59m")
    assert effects.done == ["attempt 1"]
    engine.shift("2m")
    assert ended(run) == ("completed", "done")


@step(retry=Retry(max_attempts=3))
async def later_than_ever(how: str) -> None:
    effects.effect(f"attempt {step.attempt}")
    if how == "set later":
        error = RetryAfter("1s")
        error.delay = 1e15
        raise error
    raise RetryAfter("9999999d" if how == "text" else 1.7e12)  # as if it were told in milliseconds since the epoch


@workflow(name="retry-after-ages")
async def asking_for_ages(ctx: Context, how: str) -> None:
    await later_than_ever(how)


@pytest.mark.parametrize("how", ["text", "number"])
def test_a_delay_beyond_all_limits_is_an_error_of_the_step(engine: Engine, how: str):
    run = asking_for_ages.start(how)
    engine.settle()
    engine.shift("1m")
    engine.shift("1m")
    assert ended(run) == ("failed", "ValueError")
    assert "100 years" in run.error["message"]
    assert effects.done == [f"attempt {number}" for number in (1, 2, 3)]


def test_what_breaks_the_decision_on_a_retry_stops_the_run_for_a_person(engine: Engine):
    run = asking_for_ages.start("set later")
    engine.settle()
    assert ended(run) == ("needs_attention", "NeedsAttention")
    assert "the engine failed on this run: OverflowError" in run.error["message"]
    assert effects.done == ["attempt 1"]
