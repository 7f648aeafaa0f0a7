"""Recovery in the middle of retries keeps the attempt count."""

from flowapp import Context, Retry, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step(retry=Retry(max_attempts=4, initial="10s", factor=1, jitter=False))
async def flaky() -> int:
    effects.effect(f"attempt {step.attempt}")
    if step.attempt < 4:
        raise ConnectionError("not yet")
    return step.attempt


@workflow(name="crash-during-retries")
async def retrying(ctx: Context) -> int:
    return await flaky()


def test_the_count_goes_on(engine: Engine):
    run = retrying.start()
    engine.settle()
    engine.shift("11s")
    engine.shift("11s")
    assert run.status == "waiting"
    with engine.crash_before("flaky") as crash:
        engine.shift("11s", settle=False)
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", 4)
    assert effects.done == ["attempt 1", "attempt 2", "attempt 3", "attempt 4", "attempt 4"]
    assert [(row.attempts, len(row.tries)) for row in run.steps] == [(4, 3)]
