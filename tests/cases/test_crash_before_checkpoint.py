"""A crash before the checkpoint runs the step again, with the same idempotency key."""

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def charge(amount: int) -> str:
    return effects.effect(f"charged {amount}")


@workflow(name="crash-before")
async def order(ctx: Context, amount: int) -> str:
    await charge(1)
    return await charge(amount)


def test_it_runs_again(engine: Engine):
    with engine.crash_before("charge") as crash:
        run = order.start(5)
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", "charged 5")
    assert effects.done == ["charged 1", "charged 1", "charged 5"]
    assert effects.keys == [f"{run.id}:charge:1", f"{run.id}:charge:1", f"{run.id}:charge:2"]
