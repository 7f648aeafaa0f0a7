"""A commit whose answer is lost is not applied twice, whatever it carried."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError

from flowapp import Context, Retry, step, workflow
from flowapp.engine import store
from flowapp.engine.models import Checkpoint
from tests.cases import effects
from tests.cases.engines import ON_POSTGRESQL, Engine, ended
from tests.cases.relay import cutting


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


# What the group commit sends: outcomes in one statement, and a failed attempt with the wait after it in a transaction.
COMMITS = [("INSERT INTO engine_checkpoint", True), ('INSERT INTO "engine_wait"', False)]


@ON_POSTGRESQL
@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize(("statement", "alone"), COMMITS)
def test_a_connection_that_is_cut_at_the_commit(engine: Engine, statement: str, alone: bool, committed: bool):
    with cutting(statement, committed=committed, alone=alone, anew=True) as relay:
        run = working.start()
        engine.settle()
        engine.shift("11s")
        run.signal("go", "on")
        engine.settle()
    assert relay.cut.is_set()
    run.signal("go", "b")
    engine.settle()
    assert ended(run) == ("completed", ["fine", "on"])
    assert effects.done == ["attempt 1", "attempt 2"]
    numbers = Checkpoint.objects.filter(run_id=run.id).order_by("seq").values_list("seq", flat=True)
    assert list(numbers) == list(range(1, len(numbers) + 1))
