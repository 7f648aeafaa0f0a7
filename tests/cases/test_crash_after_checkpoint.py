"""A crash after the checkpoint never runs the step again."""

import pytest

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def charge(amount: int) -> str:
    return effects.effect(f"charged {amount}")


@step
def ship() -> str:
    return effects.effect("shipped")


@workflow(name="crash-after")
async def order(ctx: Context, amount: int) -> str:
    return f"{await charge(amount)}, {await ship()}"


@pytest.mark.parametrize("at", ["charge", "ship"])
def test_it_does_not_run_again(engine: Engine, at: str):
    with engine.crash_after(at) as crash:
        run = order.start(5)
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", "charged 5, shipped")
    assert effects.done == ["charged 5", "shipped"]
