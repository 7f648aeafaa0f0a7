"""Whatever a step raises arrives in the body as itself, now and on replay, even what has no text."""

from collections.abc import Mapping

import pytest

from flowapp import Context, Retry, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


class Untold(Exception):
    """Its text depends on what it was not given."""

    def __str__(self) -> str:
        return f"refused by {self.bank}"  # type: ignore[attr-defined]


class Lost(Exception):
    """Its text is made of what no JSON can carry."""

    def __init__(self, where: object) -> None:
        self.where = where

    def __str__(self) -> str:
        return f"lost in {self.where.__class__.__name__}"


class Guarded(Exception):
    """It answers with errors."""

    def __getattr__(self, name: str) -> None:
        raise LookupError(name)


MADE: Mapping[str, Exception] = {
    "untold": Untold(),
    "empty": TimeoutError(),
    "guarded": Guarded("off"),
}


@step(retry=Retry(max_attempts=2, initial="10s"))
async def failing(how: str) -> None:
    effects.effect(how)
    raise Lost(object()) if how == "lost" else MADE[how]


@workflow(name="errors-arrive")
async def catching(ctx: Context, how: str) -> str:
    try:
        await failing(how)
    except Exception as error:  # noqa: BLE001 - as people write it
        await ctx.sleep("1h")
        return type(error).__name__
    return "?"


@workflow(name="errors-leave")
async def passing_on(ctx: Context, how: str) -> None:
    await failing(how)


@pytest.mark.parametrize("how", [*MADE, "lost"])
def test_a_body_catches_it(engine: Engine, how: str):
    run, other = catching.start(how), passing_on.start(how)
    engine.settle()
    engine.shift("11s")
    engine.shift("61m")
    # What cannot be made again as it was is a StepFailed with its type and message.
    name = type(MADE[how]).__name__ if how in MADE else "Lost"
    assert ended(run) == ("completed", name if how in MADE else "StepFailed")
    assert ended(other) == ("failed", name)
    assert effects.done == [how] * 4
