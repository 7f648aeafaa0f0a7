"""Losing every doorbell costs at most one sweep; a duplicate finds nothing to do."""

import pytest

from flowapp import Context, workflow
from flowapp.engine import signals
from tests.cases import effects
from tests.cases.engines import Engine, ended


@workflow(name="lost-doorbells")
async def waiting(ctx: Context) -> str:
    got = await ctx.wait_for_signal("go", type=str)
    return await ctx.step("effect", effects.effect, got)


def test_the_sweep_finds_the_work(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        for signal in (signals.ready, signals.nudged):
            patch.setattr(signal, "send_robust", lambda **_: [])
        run = waiting.start()
        run.signal("go", "on")
    engine.sweep()
    engine.until(lambda: run.status == "completed")
    signals.ready.send_robust(sender=None, queue="default")
    engine.settle()
    assert ended(run) == ("completed", "on")
    assert effects.done == ["on"]
