"""A non-retryable error, and Fatal, stop the attempts at once."""

import pytest

from flowapp import Context, Fatal, Retry, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


class Declined(Exception):
    """A card that will never do."""


@step(retry=Retry(max_attempts=5, initial="1s", non_retryable=(Declined,)))
async def charge(how: str) -> None:
    effects.effect(f"attempt {step.attempt}")
    raise Declined("no funds") if how == "declined" else Fatal("never try again")


@step(retry=Retry(max_attempts=5, initial="1s", non_retryable=[Declined]))  # type: ignore[arg-type]
async def charge_by_list() -> None:
    effects.effect(f"attempt {step.attempt}")
    raise Declined("no funds")


@workflow(name="non-retryable")
async def paying(ctx: Context, how: str) -> None:
    await (charge_by_list() if how == "listed" else charge(how))


@pytest.mark.parametrize(("how", "error"), [("declined", "Declined"), ("listed", "Declined"), ("fatal", "Fatal")])
def test_one_attempt(engine: Engine, how: str, error: str):
    run = paying.start(how)
    engine.settle()
    assert ended(run) == ("failed", error)
    assert effects.done == ["attempt 1"]
