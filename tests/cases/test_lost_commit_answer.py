"""A commit whose answer is lost is not applied twice, whatever it carried."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError

from flowapp import Context, Retry, step, workflow
from flowapp.engine import store
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step(retry=Retry(max_attempts=2, initial="10s", jitter=False))
async def flaky() -> str:
    effects.effect(f"attempt {step.attempt}")
    if step.attempt == 1:
        raise ValueError("once more")
    return "fine"


@workflow(name="lost-answers")
async def working(ctx: Context) -> list[str]:
    ctx.patched("x")
    found = [await flaky()]
    found.append(await ctx.wait_for_signal("go", type=str))
    await ctx.first(a=ctx.sleep("1h"), b=ctx.wait_for_signal("go"))
    return found


def losing(real: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
    """Every commit takes place; the answer to every other one is lost."""
    calls: list[int] = []
    deep: list[bool] = []

    def apply(batch: Sequence[Any]) -> Any:
        if deep:
            return real(batch)  # it halves its batch
        deep.append(True)
        try:
            outcome = real(batch)
        finally:
            deep.clear()
        calls.append(1)
        if len(calls) % 2:
            raise OperationalError("the connection broke")
        return outcome

    return apply


def test_nothing_is_doubled(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "apply", losing(store.apply))
    run = working.start()
    engine.settle()
    engine.shift("11s")
    run.signal("go", "on")
    engine.settle()
    run.signal("go", "b")
    engine.settle()
    assert ended(run) == ("completed", ["fine", "on"])
    assert effects.done == ["attempt 1", "attempt 2"]
