"""The workload: one workflow for each promise, whose right output follows from its input alone.

Every step announces itself at the ledger, takes a moment, and leaves its effect there.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass
from typing import Any

from django.db import connection

from flowapp import Context, Cron, Retry, step, workflow
from tests.process import ledger
from tests.torture.terms import FAILURES, LARGE, LEDGER, ON_THE_MINUTE, SIGNALS

KINDS = (
    "steps", "fans-out", "retries", "signals", "sleeps", "asks", "listens", "writes", "has-children", "is-large",
    "at-most-once", "runs-out",
)  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Australia/Sydney")
_deployed = 1


def deploy(code: int) -> None:
    """Put this version of the code into force, as a new release would."""
    global _deployed
    _deployed = code
    if code == 2:
        workflow(name="steps", version=2)(_steps_2)


def _announce() -> None:
    ledger.record(os.environ[LEDGER], step.idempotency_key, {"attempt": step.attempt}, begins=True)


def _effect(what: Any) -> None:
    ledger.record(os.environ[LEDGER], step.idempotency_key, what)


def _moment() -> float:
    return random.uniform(0.03, 0.6)


@step
async def act(what: int) -> int:
    """An effect from a coroutine."""
    _announce()
    await asyncio.sleep(_moment())
    _effect(what)
    await asyncio.sleep(_moment() / 8)
    return what


@step
def act_in_a_thread(what: int) -> int:
    """An effect from a plain function."""
    _announce()
    time.sleep(_moment())
    _effect(what)
    return what


@workflow(name="steps")
async def steps(ctx: Context, n: int) -> int:
    """One step after the other; the second release does one thing more in between."""
    total = await act(n) + await act_in_a_thread(n + 1) + await act(n + 2)
    if _deployed >= 2 and ctx.patched("one-more"):
        await ctx.step("one more", act.fn, n)
    return total + await act_in_a_thread(n + 3) + await act(n + 4)


async def _steps_2(ctx: Context, n: int) -> int:
    return await ctx.step("second release", act.fn, n) + await act(n + 1)


@workflow(name="fans-out")
async def fans_out(ctx: Context, n: int) -> int:
    """Steps side by side, then more of them over a list."""
    first = await asyncio.gather(act(n), act_in_a_thread(n), ctx.step("third", act.fn, n))
    return sum(first) + sum(await ctx.map("each", act.fn, range(n, n + 4), limit=2))


@step(retry=Retry(max_attempts=4, initial="80ms", jitter=False))
async def third_time_lucky(n: int) -> int:
    """Fails twice."""
    _announce()
    await asyncio.sleep(_moment() / 4)
    if step.attempt <= FAILURES:
        raise ConnectionError(f"attempt {step.attempt}")
    _effect(n)
    return n


@workflow(name="retries")
async def retries(ctx: Context, n: int) -> int:
    """The attempt count outlives every crash."""
    return await third_time_lucky(n) + await act(n)


@workflow(name="signals")
async def signals(ctx: Context, n: int) -> list[int]:
    """Signals in the order in which they were sent."""
    got: list[int] = []
    for _ in range(SIGNALS):
        got.append(await ctx.wait_for_signal("number", type=int))
        await act(got[-1])
    return got


@workflow(name="sleeps")
async def sleeps(ctx: Context, n: int) -> int:
    """Two naps: one that stays in memory, one that suspends."""
    await act(n)
    await ctx.sleep("400ms")
    await ctx.step("woke from 0.4", act.fn, n)
    await ctx.sleep("2s")
    await ctx.step("woke from 2.0", act.fn, n)
    return n


@workflow(name="asks")
async def asks(ctx: Context, n: int) -> str:
    """A question on which two people race."""
    await act(n)
    decision = await ctx.prompt("race", type="review", title=f"Number {n}", data={"n": n}, assign="role:manager")
    await ctx.step("decided", act.fn, n)
    return f"{decision.outcome} by {decision.by}"


@dataclass
class Order:
    """What an event is matched against."""

    id: str


@workflow(name="listens")
async def listens(ctx: Context, order: Order) -> int:
    """An event of its own among many."""
    event: Any = await ctx.wait_for_event("paid", match="event.data.order == input.id")
    return await act(event["data"]["amount"])


@step(atomic=True)
def insert(n: int) -> int:
    """A row in the same transaction as the checkpoint."""
    _announce()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO torture_row (key) VALUES (%s)", [step.idempotency_key])
    time.sleep(_moment() / 4)
    return n


@workflow(name="writes")
async def writes(ctx: Context, n: int) -> int:
    """Database writes that happen exactly once."""
    return await insert(n) + await act(n) + await insert(n + 1)


@workflow(name="child")
async def child(ctx: Context, n: int) -> int:
    """What `has-children` waits for."""
    return await act(n) + await act_in_a_thread(n)


@workflow(name="has-children")
async def has_children(ctx: Context, n: int) -> int:
    """Two children at once, then a third."""
    both = await asyncio.gather(ctx.invoke(child, n), ctx.invoke(child, n + 1))
    return sum(both) + await ctx.invoke(child, n + 2)


@step
async def write_a_lot(n: int) -> str:
    """A result that claims do not preload."""
    _announce()
    _effect(n)
    return str(n % 10) * LARGE


@workflow(name="is-large")
async def is_large(ctx: Context, n: int) -> int:
    """A large result, replayed."""
    text = await write_a_lot(n)
    await act(n)
    await ctx.sleep("1200ms")
    return await act(len(text) + n)


@step(at_most_once=True)
async def once(n: int) -> int:
    """Never repeated: cut off, its run asks a person."""
    _announce()
    await asyncio.sleep(_moment() / 4)
    _effect(n)
    return n


@workflow(name="at-most-once")
async def at_most_once(ctx: Context, n: int) -> int:
    """An effect that must not happen twice whatever it costs."""
    return await act(n) + await once(n)


@workflow(name="runs-out")
async def runs_out(ctx: Context, n: int) -> str:
    """A question that nobody answers."""
    await act(n)
    decision = await ctx.prompt(
        "silence", type="review", data={"n": n}, assign="role:manager", timeout="1500ms", on_timeout="deny"
    )
    await ctx.step("went on", act.fn, n)
    return f"{decision.outcome} by {decision.by or 'nobody'}"


@workflow(name=ON_THE_MINUTE, triggers=[Cron("* * * * *", tz=zone, input=1) for zone in ZONES])
async def on_the_minute(ctx: Context, n: int) -> int:
    """What five schedules start, each once a minute, however many look."""
    return await act(n)


@step
def kill_my_worker() -> None:
    """Take down the process that runs this."""
    _announce()
    os.kill(os.getpid(), signal.SIGKILL)


@workflow(name="poison")
async def poison(ctx: Context, n: int) -> None:
    """A run that no worker survives."""
    await kill_my_worker()
