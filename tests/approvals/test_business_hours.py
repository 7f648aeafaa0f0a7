"""Prompts whose times count in working hours: timeouts, escalations and reminders."""

from datetime import UTC, datetime, timedelta

import pytest

from approvals.models import Prompt
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock, runs
from flowapp.tenancy import calendars
from flowapp.tenancy.actors import SYSTEM
from tests.approvals import flows
from tests.approvals.making import EXPENSE, ask

OFFICE = {name: ["09:00-17:00"] for name in ("monday", "tuesday", "wednesday", "thursday", "friday")}
FRIDAY = datetime(2026, 12, 4, 16, tzinfo=UTC)


@pytest.fixture
def friday(dispatcher, cast):
    """It is Friday, an hour before closing time."""
    calendars.create_calendar(draft=calendars.Draft("Office", "UTC", OFFICE, free=["2026-12-08"]), by=SYSTEM)
    until = FRIDAY + timedelta(days=364 * 2)  # a Friday too, whatever day the tests run
    while until < clock.now():
        until += timedelta(days=364)
    clock.shift(until - clock.now())
    return until


def at_hours(friday, days, hours):
    return (friday + timedelta(days=days)).replace(hour=9, minute=0) + timedelta(hours=hours)


def close(moment, wanted):
    return abs(moment - wanted) < timedelta(minutes=1)


def test_a_timeout_waits_for_monday(dispatcher, friday):
    run, prompt = ask(timeout="3h", on_timeout="deny", calendar="office")
    assert close(prompt.due_at, at_hours(friday, 3, 2))
    clock.shift("48h")
    dispatcher.sweep()
    assert run.status == "waiting"
    clock.shift("20h")
    dispatcher.sweep()
    assert run.output["timed_out"] is True


def test_escalation_and_reminders_count_working_hours(dispatcher, friday):
    _, prompt = ask(escalate=[("2h", "role:owner")], remind="30m", calendar="Office")
    assert close(prompt.due_at, at_hours(friday, 3, 1))
    clock.shift("45m")
    dispatcher.sweep()
    clock.shift("24h")
    dispatcher.sweep()
    reminded = AuditEntry.objects.filter(verb="prompt.reminded").count()
    assert reminded == 1  # at half past four; the next one waits for Monday
    clock.shift("42h")
    dispatcher.sweep()
    prompt.refresh_from_db()
    assert prompt.level == 1


def test_an_open_prompt_keeps_the_calendar_it_was_opened_with(dispatcher, friday):
    _, prompt = ask(timeout="3h", calendar="Office")
    [calendar] = calendars.calendars()
    night = {name: ["00:00-24:00"] for name in (*OFFICE, "saturday", "sunday")}
    calendars.change_calendar(calendar.pk, draft=calendars.Draft("Office", "UTC", night), by=SYSTEM)
    _, other = ask(timeout="3h", calendar="Office")
    assert prompt.options["calendar"]["hours"] == OFFICE
    assert close(other.due_at, clock.now() + timedelta(hours=3))


def test_without_a_calendar_all_time_counts(dispatcher, friday):
    _, prompt = ask(timeout="3h")
    assert close(prompt.due_at, clock.now() + timedelta(hours=3))


def test_a_calendar_that_does_not_exist_needs_attention_at_once(dispatcher, friday):
    flows.OPTIONS.clear()
    flows.OPTIONS.update({"calendar": "Moon"})
    run = runs.start("asks", EXPENSE, by=SYSTEM)
    assert run.status == "needs_attention"
    assert "the calendar 'Moon', which does not exist here" in run.error["message"]
    assert not Prompt.objects.exists()
