"""`first` returns the winner by name and cancels the losers: their steps stop and their waits close."""

import asyncio

from flowapp import Context, step, workflow
from flowapp.engine.models import Wait
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def quick() -> str:
    return "quick"


@step
async def endless() -> None:
    await asyncio.Event().wait()


@workflow(name="first-of-three")
async def racing(ctx: Context) -> list[str]:
    async def undone() -> None:
        try:
            await ctx.wait_for_signal("never")
        finally:
            await ctx.step("clean up", effects.effect, "cleaned up")

    won = await ctx.first(a=endless(), b=undone(), c=quick())
    await ctx.sleep("1h")
    return [won.name, won.value]


def test_the_others_end(engine: Engine):
    run = racing.start()
    engine.settle()
    assert run.status == "waiting"
    assert [wait.kind for wait in Wait.objects.filter(run_id=run.id)] == ["sleep"]
    assert effects.done == ["cleaned up"]
    engine.shift("61m")
    assert ended(run) == ("completed", ["c", "quick"])
    assert effects.done == ["cleaned up"]


@workflow(name="first-of-waits")
async def impatient(ctx: Context) -> list[str]:
    return [(await ctx.first(word=ctx.wait_for_signal("word"), late=ctx.sleep("1h"))).name for _ in range(2)]


def test_waits_race(engine: Engine):
    run = impatient.start()
    engine.settle()
    run.signal("word", "x")
    engine.settle()
    assert run.status == "waiting"
    engine.shift("61m")
    assert ended(run) == ("completed", ["word", "late"])


@workflow(name="first-with-retrying-loser")
async def with_retrying_loser(ctx: Context) -> str:
    from flowapp import Retry

    failing = ctx.step("failing", _fail, retry=Retry(max_attempts=9, initial="1h", jitter=False))
    won = await ctx.first(failing=failing, go=ctx.wait_for_signal("go"))
    await ctx.wait_for_signal("end")
    return won.name


def _fail() -> None:
    effects.effect("failed")
    raise ValueError("again")


def test_a_loser_between_two_attempts_is_not_tried_again(engine: Engine):
    run = with_retrying_loser.start()
    engine.settle()
    run.signal("go")
    engine.settle()
    engine.shift("2h")
    assert [wait.kind for wait in run.waiting_on] == ["signal"]
    assert effects.done == ["failed"]
    run.signal("end")
    engine.settle()
    assert ended(run) == ("completed", "go")
