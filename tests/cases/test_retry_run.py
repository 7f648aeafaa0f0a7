"""Retrying a failed run runs again what failed - a step, a wait that ran out, a child - and keeps the rest."""

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended

BROKEN: list[str] = []


@step
async def good() -> str:
    return effects.effect("good")


@step
def brittle() -> str:
    effects.effect("brittle")
    if BROKEN:
        raise ValueError("broken")
    return "fine"


@workflow(name="retried-child")
async def child(ctx: Context) -> str:
    return await brittle()


@workflow(name="retried-parent")
async def parent(ctx: Context) -> list[str]:
    return [await good(), await ctx.invoke(child)]


def test_a_child_that_failed(engine: Engine):
    BROKEN.append("x")
    run = parent.start()
    engine.settle()
    assert ended(run) == ("failed", "ChildFailed")
    BROKEN.clear()
    run.retry()
    engine.settle()
    assert ended(run) == ("completed", ["good", "fine"])
    assert effects.done == ["good", "brittle", "brittle"]


@workflow(name="retried-wait")
async def waiting(ctx: Context) -> str:
    return await ctx.wait_for_signal("go", type=str, timeout="1h")


def test_a_wait_that_ran_out(engine: Engine):
    run = waiting.start()
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("failed", "WaitTimeout")
    run.retry()
    engine.settle()
    assert run.status == "waiting"
    run.signal("go", "on")
    engine.settle()
    assert ended(run) == ("completed", "on")


@workflow(name="retried-body")
async def buggy(ctx: Context) -> str:
    await good()
    raise KeyError("a bug in the body")


async def mended(ctx: Context) -> str:
    return await good()


def test_a_body_that_was_mended(engine: Engine):
    run = buggy.start()
    engine.settle()
    assert ended(run) == ("failed", "KeyError")
    engine.deploy(buggy, mended)
    run.retry()
    engine.settle()
    assert ended(run) == ("completed", "good")
    assert effects.done == ["good"]
