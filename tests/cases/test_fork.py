"""A fork reuses the steps before a point and runs the rest again; what the run drew before stays the same."""

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def draw(number: str) -> str:
    return effects.effect(f"draw {number}")


@step
async def use(drawn: str, at: str) -> str:
    return effects.effect("use")


@step
async def finish(number: str) -> str:
    effects.effect("finish")
    return number


@workflow(name="forked")
async def drawing(ctx: Context, name: str) -> list[str]:
    began = ctx.now()
    drawn = await draw(f"{ctx.uuid()} {ctx.random()}")
    await use(drawn, began.isoformat())
    return [drawn, await finish(str(ctx.uuid()))]


def test_only_the_rest_runs_again(engine: Engine):
    run = drawing.start("x")
    engine.settle()
    before = list(effects.done)
    again = run.fork("finish")
    engine.settle()
    assert ended(again)[0] == "completed"
    assert again.output[0] == run.output[0]
    assert again.output[1] != run.output[1]
    assert effects.done == [*before, "finish"]
    assert effects.keys[-1] == f"{again.id}:finish:1"
    third = again.fork("use")
    engine.settle()
    assert third.output[0] == run.output[0]
    assert effects.done == [*before, "finish", "use", "finish"]


def test_a_fork_survives_a_crash(engine: Engine):
    run = drawing.start("x")
    engine.settle()
    with engine.crash_after("use") as crash:
        again = run.fork("use")
        crash.wait()
    engine.recover()
    assert (again.status, again.error) == ("completed", None)


@step
async def early() -> str:
    return effects.effect("early")


@workflow(name="forked-at-an-early-occurrence")
async def twice(ctx: Context) -> str:
    await early()
    await early()
    return "done"


def test_from_the_second_use(engine: Engine):
    run = twice.start()
    engine.settle()
    again = run.fork("early#2")
    engine.settle()
    assert ended(again) == ("completed", "done")
    assert effects.done == ["early"] * 3
