"""In a `finally` that Python runs when a suspended run is dropped, ctx verbs and steps refuse and nothing happens."""

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended

REFUSED: list[str] = []


@step
async def undo() -> None:
    effects.effect("undo")


@workflow(name="dropped-finally")
async def guarded(ctx: Context) -> str:
    try:
        return await ctx.wait_for_signal("go", type=str)
    finally:
        for verb in (undo, lambda: ctx.sleep("1s"), lambda: ctx.step("x", effects.effect, "x"), ctx.uuid):
            try:
                verb()
            except BaseException as error:
                REFUSED.append(type(error).__name__)
                raise


@workflow(name="dropped-except")
async def greedy(ctx: Context) -> str:
    while True:
        try:
            return await ctx.wait_for_signal("go", type=str)
        except Exception:  # noqa: BLE001 - as people write it
            await undo()
        finally:
            await undo()


def test_nothing_happens(engine: Engine):
    REFUSED.clear()
    run, other = guarded.start(), greedy.start()
    engine.settle()
    assert (run.status, other.status) == ("waiting", "waiting")
    assert effects.done == []
    engine.until(lambda: set(REFUSED) == {"RunDropped"})
    other.signal("go", "on")
    engine.settle()
    assert ended(other) == ("completed", "on")
    assert effects.done == ["undo"]
