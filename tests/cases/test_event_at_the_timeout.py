"""An event, signal or decision at the very timeout has one outcome, the same on replay."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import connection, transaction

from approvals import actions
from approvals.models import Decision, Prompt
from approvals.states import Refused
from flowapp import Context, workflow
from flowapp.engine import clock, sweep
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import current, scoped
from tests import factories
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


@workflow(name="one-event-at-timeout")
async def watching(ctx: Context) -> list[str]:
    first = await ctx.wait_for_event("ping", timeout="1h", default=None)
    await ctx.sleep("1h")
    second = await ctx.wait_for_event("ping", timeout="1h", default=None)
    return ["event" if found else "nothing" for found in (first, second)]


@workflow(name="decision-at-timeout")
async def asking(ctx: Context) -> str:
    decision = await ctx.prompt("ok", type="review", assign="role:owner", timeout="1h", on_timeout="deny")
    await ctx.sleep("1h")
    return f"{decision.outcome}, {decision.timed_out}"


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


@contextmanager
def then(engine: Engine, second: Callable[[], object]) -> Iterator[None]:
    """What is done in this block is open yet when the second begins, and an hour has gone by."""
    with transaction.atomic():
        yield
        other = beside(second)
        engine.until(lambda: held_up(other))
    other.join()
    engine.sweep()
    engine.shift("61m")
    engine.shift("61m")


@pytest.mark.parametrize("first", ["signal", "timeout"])
def test_both_at_once(engine: Engine, first: str):
    run = hearing.start()
    engine.settle()
    send = lambda: run.signal("ping", "signal")  # noqa: E731
    with then(engine, sweep.fire_due_waits if first == "signal" else send):
        if first == "signal":
            send()
        clock.shift("1h")
        if first == "timeout":
            sweep.fire_due_waits()
    assert ended(run) == ("completed", ["signal", "nothing"] if first == "signal" else ["nothing", "signal"])


@pytest.mark.parametrize("first", ["publication", "look", "timeout"])
def test_an_event_and_the_timeout_at_once(engine: Engine, first: str, monkeypatch: pytest.MonkeyPatch):
    """An event is committed, and then it looks for who waits: either may be what the timeout meets."""
    run = watching.start()
    engine.settle()
    send = lambda: events.publish("ping", 1, by=SYSTEM)  # noqa: E731
    if first == "look":
        with monkeypatch.context() as patch:
            patch.setattr(events, "look_all", lambda *_: None)
            sent = send()
    with then(engine, send if first == "timeout" else sweep.fire_due_waits):
        if first == "publication":
            send()
        if first == "look":
            events.look(sent.id, current())
        clock.shift("1h")
        if first == "timeout":
            sweep.fire_due_waits()
    status, output = ended(run)
    assert (status, sorted(output)) == ("completed", ["event", "nothing"])  # it is for one of the waits
    if connection.vendor == "postgresql":  # where there is one writer, the timeout cannot pass what is open
        assert output == (["event", "nothing"] if first == "look" else ["nothing", "event"])


@pytest.mark.parametrize("first", ["decision", "timeout"])
def test_a_decision_and_the_timeout_at_once(engine: Engine, first: str):
    ana = factories.actor(factories.member("Ana", Role.OWNER))
    run = asking.start()
    engine.settle()
    told: list[str] = []

    def decide() -> None:
        with suppress(Refused):
            told.append(actions.decide(Prompt.objects.get().pk, by=ana, outcome="approve", channel="web").outcome)

    with then(engine, decide if first == "timeout" else sweep.fire_due_timers):
        if first == "decision":
            decide()
        clock.shift("1h")
        if first == "timeout":
            sweep.fire_due_timers()
    assert ended(run) == ("completed", "approve, False" if first == "decision" else "deny, True")
    assert told == (["approve"] if first == "decision" else [])
    assert Decision.objects.get().timed_out is (first == "timeout")
