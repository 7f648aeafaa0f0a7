"""RetryAfter is honoured: the next attempt comes after its delay, not after the policy's."""

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
