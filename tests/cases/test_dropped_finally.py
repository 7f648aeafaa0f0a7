"""In a `finally` that Python runs when a suspended run is dropped, ctx verbs and steps refuse and nothing happens."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from approvals.models import Prompt
from flowapp import Context, step, workflow
from flowapp.engine.models import Attempt, Event, Lock, Run, Wait
from tests.cases import effects
from tests.cases.engines import Engine, ended

REFUSED: dict[str, str] = {}


@step
async def undo() -> None:
    effects.effect("undo")


@workflow(name="dropped-child")
async def child(ctx: Context) -> None:
    effects.done.append("a child runs")


def verbs(ctx: Context) -> dict[str, Callable[[], Any]]:
    """All that a body can ask for."""
    return {
        "a step": undo,
        "step": lambda: ctx.step("x", effects.effect, "x"),
        "map": lambda: ctx.map("x", effects.effect, ["x"]),
        "sleep": lambda: ctx.sleep("1s"),
        "asyncio.sleep": lambda: asyncio.sleep(1),
        "sleep_until": lambda: ctx.sleep_until(ctx.now()),
        "wait_for_signal": lambda: ctx.wait_for_signal("x"),
        "wait_for_event": lambda: ctx.wait_for_event("x"),
        "send_event": lambda: ctx.send_event("x"),
        "prompt": lambda: ctx.prompt("x", title="X?", assign="role:owner"),
        "invoke": lambda: ctx.invoke(child),
        "start": lambda: ctx.start(child),
        "first": lambda: ctx.first(x=ctx.sleep("1s")),
        "stream": lambda: ctx.stream("x").write("x"),
        "lock": lambda: ctx.lock("x").__aenter__(),
        "patched": lambda: ctx.patched("x"),
        "uuid": ctx.uuid,
        "random": ctx.random,
    }


@workflow(name="dropped-finally")
async def guarded(ctx: Context) -> str:
    answer = ""
    lock = ctx.lock("guarded")
    await lock.__aenter__()
    try:
        answer = await ctx.wait_for_signal("go", type=str)
    finally:
        given_back = lambda: lock.__aexit__(None, None, None)  # noqa: E731
        asked = {"give a lock back": given_back} if answer else {**verbs(ctx), "give a lock back": given_back}
        raised: BaseException | None = None
        for name, ask in asked.items():
            try:
                found = ask()
                if inspect.isawaitable(found):
                    await found
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is told and raised below
                REFUSED[name], raised = type(error).__name__, error
        if raised is not None:
            raise raised
    return answer


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
    engine.until(lambda: "give a lock back" in REFUSED)
    assert dict.fromkeys([*REFUSED, *verbs(Context(None))], "RunDropped") == REFUSED  # type: ignore[arg-type]
    assert effects.done == []
    assert {row.kind for row in Wait.objects.filter(run_id=run.id)} == {"signal"}
    assert not any(model.objects.exists() for model in (Attempt, Event, Prompt))
    assert (Lock.objects.count(), Run.objects.count()) == (1, 2)
    for one in (run, other):
        one.signal("go", "on")
    engine.settle()
    assert (ended(run), ended(other)) == (("completed", "on"), ("completed", "on"))
    assert effects.done == ["undo"]
    assert not Lock.objects.exists()
