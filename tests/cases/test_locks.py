"""A lock has one holder across runs; the others wait in order; it outlives crashes and frees itself with its run."""

import pytest

from flowapp import Context, step, workflow
from flowapp.engine.models import Lock
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def say(what: str) -> None:
    effects.effect(what)


@workflow(name="locking")
async def locking(ctx: Context, name: str) -> str:
    async with ctx.lock("till"):
        await say(f"{name} in")
        await ctx.wait_for_signal("leave")
        await say(f"{name} out")
    return name


def test_one_after_the_other(engine: Engine):
    runs = []
    for name in ("a", "b", "c"):
        runs.append(locking.start(name))
        engine.settle()
    assert effects.done == ["a in"]
    for run in runs:
        run.signal("leave")
        engine.settle()
    assert {ended(run)[0] for run in runs} == {"completed"}
    assert effects.done == ["a in", "a out", "b in", "b out", "c in", "c out"]
    assert not Lock.objects.exists()


@pytest.mark.parametrize("how", ["cancelled", "crashed"])
def test_a_holder_that_goes(engine: Engine, how: str):
    first, second = locking.start("a"), None
    engine.settle()
    second = locking.start("b")
    engine.settle()
    if how == "cancelled":
        first.cancel()
        engine.sweep()
        engine.sweep()
    else:
        with engine.crash_after("say") as crash:
            first.signal("leave")
            crash.wait()
        engine.recover()
    second.signal("leave")
    engine.settle()
    assert ended(second) == ("completed", "b")


@workflow(name="lock-loser")
async def losing(ctx: Context) -> str:
    async def locked() -> None:
        async with ctx.lock("till"):
            await ctx.wait_for_signal("never")

    won = await ctx.first(go=ctx.wait_for_signal("go"), locked=locked())
    await ctx.wait_for_signal("end")
    return won.name


def test_a_loser_gives_it_back(engine: Engine):
    run = losing.start()
    engine.settle()
    assert Lock.objects.count() == 1
    run.signal("go")
    engine.settle()
    assert not Lock.objects.exists()
    run.signal("end")
    engine.settle()
    assert ended(run) == ("completed", "go")


def test_a_waiting_loser_that_got_it_at_the_same_moment_gives_it_back(engine: Engine):
    holder = locking.start("a")
    engine.settle()
    run = losing.start()
    engine.settle()
    run.pause()
    run.signal("go")
    holder.signal("leave")
    engine.settle()
    assert str(Lock.objects.get().run_id) == str(run.id)
    run.resume()
    engine.settle()
    assert not Lock.objects.exists()
