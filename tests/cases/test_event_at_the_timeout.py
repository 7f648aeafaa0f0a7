"""An event, signal or decision at the very timeout has one outcome, the same on replay."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from flowapp import Context, workflow
from flowapp.engine import clock, sweep
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current, scoped
from tests.cases.engines import Engine, ended


@workflow(name="event-at-timeout")
async def waiting(ctx: Context) -> list[str]:
    event = await ctx.wait_for_event("ping", timeout="1h", default=None)
    signal = await ctx.wait_for_signal("ping", timeout="1h", default="nothing")
    await ctx.sleep("1h")
    return ["event" if event else "nothing", signal]


@pytest.mark.parametrize("first", ["message", "timeout"])
def test_what_came_first_counts(engine: Engine, first: str):
    run = waiting.start()
    for send in (lambda: events.publish("ping", 1, by=SYSTEM), lambda: run.signal("ping", "signal")):
        engine.settle()
        clock.shift("1h")
        send() if first == "message" else sweep.fire_due_waits()
        engine.sweep()
        if first == "timeout":
            send()
            engine.settle()
    engine.shift("61m")
    status, output = ended(run)
    assert status == "completed"
    assert output == (["event", "signal"] if first == "message" else ["nothing", "nothing"])


@workflow(name="signal-at-timeout")
async def hearing(ctx: Context) -> list[str]:
    first = await ctx.wait_for_signal("ping", timeout="1h", default="nothing")
    await ctx.sleep("1h")
    return [first, await ctx.wait_for_signal("ping", timeout="1h", default="nothing")]


def beside(act: Callable[[], object]) -> threading.Thread:
    """Somebody else, with a connection of their own."""

    def acting() -> None:
        try:
            with scoped(workspace_id):
                act()
        finally:
            connection.close()

    workspace_id = current()
    thread = threading.Thread(target=acting)
    thread.start()
    return thread


def held_up(thread: threading.Thread) -> bool:
    """Whether the other one waits for this transaction, or has gone past it."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0]) or not thread.is_alive()


@pytest.mark.parametrize("first", ["signal", "timeout"])
def test_both_at_once(engine: Engine, first: str):
    """The second begins while the first one's transaction is open."""
    run = hearing.start()
    engine.settle()
    send, fire = (lambda: run.signal("ping", "signal")), sweep.fire_due_waits
    with transaction.atomic():
        if first == "signal":
            send()
        clock.shift("1h")
        if first == "timeout":
            fire()
        other = beside(fire if first == "signal" else send)
        engine.until(lambda: held_up(other))
    other.join()
    engine.sweep()
    engine.shift("61m")
    engine.shift("61m")
    assert ended(run) == ("completed", ["signal", "nothing"] if first == "signal" else ["nothing", "signal"])
