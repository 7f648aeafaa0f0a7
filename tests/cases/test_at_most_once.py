"""A step that may run at most once is not repeated when its outcome is unknown: a person is asked."""

from flowapp import Context, Retry, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step(at_most_once=True, retry=Retry(max_attempts=3, initial="10s", jitter=False))
def transfer() -> str:
    effects.effect(f"attempt {step.attempt}")
    if step.attempt == 1:
        raise ConnectionError("refused, so nothing happened")
    return "sent"


@workflow(name="at-most-once")
async def paying(ctx: Context) -> str:
    return await transfer()


def test_a_person_is_asked(engine: Engine):
    run = paying.start()
    engine.settle()
    with engine.crash_before("transfer") as crash:
        engine.shift("11s", settle=False)
        crash.wait()
    engine.recover()
    assert run.status == "needs_attention"
    assert "'transfer'" in run.error["message"]
    assert "outcome is unknown" in run.error["message"]
    assert effects.done == ["attempt 1", "attempt 2"]
    run.retry()  # the person found that nothing was sent
    engine.settle()
    engine.shift("11s")
    assert ended(run) == ("completed", "sent")


def test_a_known_outcome_is_not_repeated(engine: Engine):
    run = paying.start()
    engine.settle()
    with engine.crash_after("transfer") as crash:
        engine.shift("11s", settle=False)
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", "sent")
    assert effects.done == ["attempt 1", "attempt 2"]
