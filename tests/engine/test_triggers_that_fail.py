"""What is wrong with one trigger stays with it: other schedules, events, waits and workspaces go on."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pydantic import BaseModel, field_validator

from flowapp import Context, Cron, Event, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, codec, registry, runs, sweep
from flowapp.engine.models import Event as Row
from flowapp.engine.models import Run, Schedule, Wait
from flowapp.engine.reading import readings
from flowapp.engine.triggering import events, matching, schedules
from flowapp.tenancy import actions
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current, scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


class Unreadable(BaseModel):
    """A model whose own check breaks, which pydantic does not turn into a refusal."""

    parts: dict[str, Any]

    @field_validator("parts")
    @classmethod
    def _only_known(cls, parts: dict[str, Any]) -> dict[str, Any]:
        return {"one": parts["missing"]}


async def takes(ctx: Context, data: Any) -> Any:
    return data


async def breaks(ctx: Context, data: Unreadable) -> None: ...


@pytest.fixture(autouse=True)
def dispatcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImmediateDispatcher]:
    monkeypatch.setattr(registry, "_workflows", {})
    monkeypatch.setattr(schedules, "_installed_at", None)
    with scoped(factories.workspace("acme").pk), ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


def started() -> list[str]:
    return sorted(Run.objects.values_list("workflow", flat=True))


def broken(slot: Any) -> Any:
    raise ZeroDivisionError(f"no input for {slot}")


# -- the clock --------------------------------------------------------------------------------------------------------


def test_a_schedule_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture):
    workflow(name="a-bad", triggers=[Cron("0 * * * *", input=broken)])(takes)
    workflow(name="b-good", triggers=[Cron("0 * * * *", input=1)])(takes)
    schedules.install()
    clock.shift("2h")
    sweep.sweep()
    assert started() == ["b-good"]
    assert "of workflow a-bad started nothing" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert not Schedule.objects.filter(next_at__lte=clock.now()).exists()  # the failed slot is over
    clock.shift("1h")
    sweep.sweep()
    assert started() == ["b-good"] * 2


def test_a_slot_that_fails_leaves_the_others_of_a_backfill():
    first = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def not_the_second(slot: Any) -> Any:
        return broken(slot) if slot == first + timedelta(hours=1) else slot.hour

    workflow(name="some", triggers=[Cron("0 * * * *", input=not_the_second, missed="backfill")])(takes)
    schedules.install()
    clock.shift(first - clock.now() + timedelta(hours=3, seconds=1))
    sweep.sweep()
    assert started() == ["some"] * 3


def test_a_slot_waits_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch):
    workflow(name="hourly", triggers=[Cron("0 * * * *", input=1)])(takes)
    schedules.install()
    clock.shift("2h")

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "start_run", away)
        sweep.sweep()
    assert Schedule.objects.filter(next_at__lte=clock.now()).count() == 1
    sweep.sweep()
    assert started() == ["hourly"]


def test_the_longest_due_come_first(monkeypatch: pytest.MonkeyPatch):
    workflow(name="late", triggers=[Cron("0 * * * *", input=1)])(takes)
    schedules.install()
    for slug in ("one", "two", "three"):
        factories.workspace(slug)
    schedules.install()
    now = clock.now()
    for age, row in enumerate(Schedule.unscoped.order_by("id"), start=1):
        Schedule.unscoped.filter(pk=row.pk).update(next_at=now - timedelta(hours=age))
    monkeypatch.setattr(sweep, "BATCH", 2)
    sweep.sweep()
    left = Schedule.unscoped.filter(next_at__lte=now).values_list("next_at", flat=True)
    assert max(now - at for at in left) == timedelta(hours=2)


def test_a_trigger_and_a_workspace_that_cannot_be_installed_stop_no_other(monkeypatch: pytest.MonkeyPatch):
    for slug in ("one", "two"):
        factories.workspace(slug)
    workflow(name="a-bad", triggers=[Cron("0 * * * *", input=1)])(takes)
    workflow(name="b-good", triggers=[Cron("1 * * * *", input=1)])(takes)
    next_, bulk_create = Cron.next, Schedule.objects.bulk_create
    failed: list[int] = []

    def never(cron: Cron, after: Any) -> Any:
        if cron.expression.startswith("0 "):
            raise ZeroDivisionError("it never comes")
        return next_(cron, after)

    def full(rows: Any, **options: Any) -> Any:
        if not failed:
            failed.append(len(rows))
            raise ValueError("this workspace takes no more")
        return bulk_create(rows, **options)

    monkeypatch.setattr(Cron, "next", never)
    monkeypatch.setattr(Schedule.objects, "bulk_create", full)
    schedules.install()
    assert failed == [1]
    assert [row.workflow for row in Schedule.unscoped.all()] == ["b-good"] * 2
    monkeypatch.setattr(Cron, "next", next_)
    schedules.install()
    assert sorted(row.workflow for row in Schedule.unscoped.all()) == ["a-bad"] * 3 + ["b-good"] * 3


def test_where_all_are_installed_nothing_is_written():
    for slug in ("one", "two"):
        factories.workspace(slug)
    workflow(name="hourly", triggers=[Cron("0 * * * *", input=1)])(takes)
    schedules.install()
    with CaptureQueriesContext(connection) as queries:
        schedules.install()
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"] * (1 + 3)  # no transaction either


def test_a_new_workspace_has_its_schedules_at_once():
    workflow(name="hourly", triggers=[Cron("0 * * * *", input=1)])(takes)
    schedules.install()
    clock.shift("1s")
    made = actions.create_workspace(name="New", slug="new", by=SYSTEM)
    assert Schedule.unscoped.filter(workspace_id=made.pk, next_at__gt=clock.now()).count() == 1


# -- events -----------------------------------------------------------------------------------------------------------


def test_a_workflow_that_cannot_take_an_event_stops_no_other(caplog: pytest.LogCaptureFixture):
    workflow(name="a-bad", triggers=[Event("z/x")])(breaks)
    workflow(name="b-good", triggers=[Event("z/x")])(takes)
    done = events.publish("z/x", {"parts": {}}, by=SYSTEM)
    found = events.found_by(done.id)
    assert [one["workflow"] for one in found.matched] == ["b-good"]
    assert found.skipped == [
        {"workflow": "a-bad", "reason": "starting it failed: KeyError (the server's log has more)"}
    ]
    assert "KeyError: 'missing'" in caplog.text
    assert Row.objects.get().looked


def test_an_event_that_cannot_be_looked_at_stops_no_other(monkeypatch: pytest.MonkeyPatch):
    workflow(name="a", triggers=[Event("z/*")])(takes)
    start_all, ids = matching.start_all, [events.publish(f"z/{n}", n, by=SYSTEM).id for n in range(3)]
    Row.objects.update(looked=False)
    Run.objects.all().delete()

    def dies(event: Row, *rest: Any) -> None:
        if event.id == ids[0]:
            raise RuntimeError("it cannot be looked at")
        start_all(event, *rest)

    monkeypatch.setattr(events, "start_all", dies)
    clock.shift("1m")
    sweep.sweep()
    assert set(Row.objects.filter(looked=False).values_list("id", flat=True)) == {ids[0]}
    assert len(started()) == 2


def test_those_that_always_fail_keep_no_newer_one_waiting(monkeypatch: pytest.MonkeyPatch):
    workflow(name="a", triggers=[Event("z/*")])(takes)
    start_all = matching.start_all
    for n in range(5):
        events.publish("z/bad", n, by=SYSTEM)
    new = events.publish("z/good", 5, by=SYSTEM).id
    Row.objects.update(looked=False)
    tried: list[int] = []

    def dies(event: Row, *rest: Any) -> None:
        if event.name == "z/bad":
            tried.append(codec.plain(event.data))
            raise RuntimeError("it cannot be looked at")
        start_all(event, *rest)

    monkeypatch.setattr(events, "start_all", dies)
    monkeypatch.setattr(sweep, "BATCH", 2)
    clock.shift("1m")
    for _ in range(3):
        sweep.sweep()
    assert sorted(tried) == [0, 1, 2, 3, 4]
    assert Row.objects.get(pk=new).looked
    clock.shift("3s")
    sweep.sweep()
    assert tried[5:] == [0, 1]  # and round again


def test_a_trigger_that_cannot_be_asked_stops_no_other_event(monkeypatch: pytest.MonkeyPatch):
    workflow(name="a", triggers=[Event("z/*")])(takes)
    listening = matching.listening

    def dies(definition: Any, name: str, sender: Any) -> Any:
        if name == "z/bad":
            raise RuntimeError("it cannot say whether it listens")
        return listening(definition, name, sender)

    monkeypatch.setattr(events, "listening", dies)
    events.publish_all([events.New("z/bad"), events.New("z/good", 1)], by=SYSTEM)
    assert started() == ["a"]
    assert [row.name for row in Row.objects.filter(looked=False)] == ["z/bad"]


def test_an_event_that_fails_is_tried_ever_less_often_and_never_lost(monkeypatch: pytest.MonkeyPatch):
    workflow(name="a", triggers=[Event("z/*")])(takes)
    with monkeypatch.context() as patch:
        patch.setattr(events, "look_all", lambda *_: None)
        bad, good = (events.publish(name, 1, by=SYSTEM).id for name in ("z/bad", "z/good"))
    stored = bytes(Row.objects.get(pk=bad).data)
    Row.objects.filter(pk=bad).update(data=b"\x09\0")  # no encoding there is
    clock.shift("5s")
    for misses in range(20):
        pause = timedelta(seconds=min(2 * 2**misses, 3600))
        before = clock.now()
        sweep.sweep()
        row = Row.objects.get(pk=bad)
        assert row.look_at is not None
        assert row.misses == misses + 1
        assert before <= row.look_at - pause <= clock.now()
        if pause > timedelta(minutes=1):
            clock.shift(pause - timedelta(seconds=50))
            sweep.sweep()
            assert Row.objects.get(pk=bad).misses == row.misses  # it is not its time yet
            assert readings.oldest_due() is None
        clock.shift(row.look_at - clock.now() + timedelta(milliseconds=1))
    assert Row.objects.get(pk=good).looked
    assert len(started()) == 1
    (stuck,) = readings.stuck_events(current())
    assert (stuck.id, stuck.misses, stuck.trouble) == (bad, 20, r"ValueError: unknown codec byte b'\t'")
    assert readings.count_stuck_events() == 1
    Row.objects.filter(pk=bad).update(data=stored)
    clock.shift("1h")
    sweep.sweep()
    assert len(started()) == 2
    assert readings.stuck_events(current()) == []


def test_a_wait_that_cannot_be_looked_at_stops_no_other(monkeypatch: pytest.MonkeyPatch):
    async def waits(ctx: Context) -> None:
        await ctx.wait_for_event("z/never")

    definition = workflow(name="waits")(waits)
    first, second = definition.start(), definition.start()
    Wait.objects.update(looked=False)
    back = events.look_back

    def dies(run_id: Any, name: str, occurrence: int) -> None:
        if run_id == first.id:
            raise RuntimeError("it cannot be looked at")
        back(run_id, name, occurrence)

    monkeypatch.setattr(events, "look_back", dies)
    clock.shift("1m")
    sweep.sweep()
    assert list(Wait.objects.filter(looked=True).values_list("run_id", flat=True)) == [second.id]


def test_waits_that_always_fail_keep_no_newer_one_waiting(monkeypatch: pytest.MonkeyPatch):
    async def waits(ctx: Context) -> None:
        await ctx.wait_for_event("z/never")
        await ctx.wait_for_event("z/never")

    definition = workflow(name="waits")(waits)
    *bad, new = [definition.start().id for _ in range(6)]
    Wait.objects.update(looked=False)
    back = events.look_back
    tried: list[int] = []

    def dies(run_id: Any, name: str, occurrence: int) -> None:
        if run_id in bad:
            tried.append(bad.index(run_id))
            raise RuntimeError("it cannot be looked at")
        back(run_id, name, occurrence)

    monkeypatch.setattr(events, "look_back", dies)
    monkeypatch.setattr(sweep, "BATCH", 2)
    clock.shift("1m")
    for _ in range(3):
        sweep.sweep()
    assert sorted(tried) == [0, 1, 2, 3, 4]
    assert Wait.objects.get(run_id=new).looked
    sweep.sweep()
    assert tried[5:] == [0, 1]  # and round again


def test_an_event_waits_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch):
    workflow(name="a", triggers=[Event("z/x")])(takes)

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "start_run", away)
        events.publish("z/x", 1, by=SYSTEM)
    assert not Row.objects.get().looked
    clock.shift("1m")
    sweep.sweep()
    assert started() == ["a"]


@pytest.mark.parametrize(
    ("when", "data", "reason"),
    [
        ("event.data.total > 10", {"total": 3}, "when is false: event.data.total > 10"),
        ("event.data.total > 10", {"sum": 3}, "when could not be evaluated (no such key total): event.data.total > 10"),
        ("event.data.total", {"total": 3}, "when is neither true nor false: event.data.total"),
    ],
)
def test_why_a_condition_did_not_hold(when: str, data: Any, reason: str):
    async def waits(ctx: Context) -> None:
        await ctx.wait_for_event("z/w", match=when)

    workflow(name="conditional", triggers=[Event("z/w", when=when)])(takes)
    run = workflow(name="waits")(waits).start()
    done = events.publish("z/w", data, by=SYSTEM)
    assert events.found_by(done.id).skipped == [
        {"workflow": "conditional", "reason": reason},
        {"run_id": str(run.id), "wait": "event:z/w", "reason": reason.replace("when", "match")},
    ]


# -- deploys and readiness --------------------------------------------------------------------------------------------


def test_a_process_that_knows_less_forgets_no_schedule():
    """While a deploy rolls, old and new processes install in turns."""
    workflow(name="hourly", triggers=[Cron("0 * * * *", input=1, missed="backfill")])(takes)
    schedules.install()
    known = registry._workflows.pop(("hourly", 1))
    schedules.install()
    registry._workflows["hourly", 1] = known
    clock.shift("5h")
    schedules.install()
    sweep.sweep()
    assert started() == ["hourly"] * 5


def test_a_schedule_that_nobody_knows_any_more_goes_after_a_week():
    workflow(name="hourly", triggers=[Cron("0 * * * *", input=1)])(takes)
    schedules.install()
    clock.shift("3d")
    schedules.install()  # it is seen again
    registry._workflows.pop(("hourly", 1))
    clock.shift("6d")
    schedules.install()
    assert readings.oldest_due() is None  # it is late for no process of this code
    assert Schedule.objects.exists()
    clock.shift("2d")
    schedules.install()
    assert not Schedule.objects.exists()
