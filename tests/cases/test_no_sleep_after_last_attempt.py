"""No sleep follows the last failed attempt: the failure is there at once."""

from flowapp import Context, Retry, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step(retry=Retry(max_attempts=2, initial="1h", jitter=False))
def broken() -> None:
    effects.effect(f"attempt {step.attempt}")
    raise ValueError("never")


@workflow(name="last-attempt")
async def hopeless(ctx: Context) -> None:
    await broken()


def test_it_fails_at_once(engine: Engine):
    run = hopeless.start()
    engine.settle()
    assert (run.status, [wait.kind for wait in run.waiting_on]) == ("waiting", ["retry"])
    engine.shift("61m")
    assert ended(run) == ("failed", "ValueError")
    assert effects.done == ["attempt 1", "attempt 2"]
    assert run.error["step"] == "broken"
