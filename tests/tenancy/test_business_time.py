"""Business time, against a slow count of minutes, and by hand where it is easy to be wrong."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp.tenancy import business_time
from flowapp.tenancy.business_time import NoWorkingTime, read

OFFICE = {name: ["09:00-12:00", "13:00-17:00"] for name in business_time.WEEKDAYS[:5]}
BERLIN = read({"zone": "Europe/Berlin", "hours": OFFICE, "country": "DE", "free": ["2026-12-24"]})


def berlin(year, month, day, hour=0):
    return datetime(year, month, day, hour, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        (berlin(2026, 11, 2, 9), 2, berlin(2026, 11, 2, 11)),
        (berlin(2026, 11, 2, 11), 2, berlin(2026, 11, 2, 14)),  # over lunch
        (berlin(2026, 11, 2, 16), 2, berlin(2026, 11, 3, 10)),  # overnight
        (berlin(2026, 11, 6, 16), 2, berlin(2026, 11, 9, 10)),  # over the weekend
        (berlin(2026, 11, 7, 3), 1, berlin(2026, 11, 9, 10)),  # from within it
        (berlin(2026, 12, 23, 16), 2, berlin(2026, 12, 28, 10)),  # a day off, two holidays, a weekend
        (berlin(2026, 10, 23, 16), 8, berlin(2026, 10, 26, 17)),  # clocks went back on Sunday
        (berlin(2026, 11, 2, 3), 0, berlin(2026, 11, 2, 9)),
        (berlin(2026, 11, 2, 9), 7, berlin(2026, 11, 2, 17)),
    ],
)
def test_by_hand(start, hours, end):
    assert BERLIN.add(start, timedelta(hours=hours)) == end


def test_a_day_whose_clocks_change_has_its_real_hours():
    always = read({"zone": "Europe/Berlin", "hours": {name: ["00:00-24:00"] for name in business_time.WEEKDAYS}})
    start = berlin(2026, 10, 24, 12)
    assert always.add(start, timedelta(hours=48)) == start.astimezone(UTC) + timedelta(hours=48)


def test_without_working_time_nothing_is_ever_due():
    with pytest.raises(NoWorkingTime, match="no working time in the next ten years"):
        read({"zone": "UTC", "hours": {}}).add(berlin(2026, 11, 2), timedelta(hours=1))


@pytest.mark.parametrize("text", ["9-17", "09:00", "17:00-09:00", "09:00-09:00", "", "-", "09:00-25:00", "a-b"])
def test_hours_that_cannot_be_read_are_named(text):
    with pytest.raises(ValueError, match="write 09:00-17:00"):
        read({"zone": "UTC", "hours": {"monday": [text]}})


def test_hours_may_not_overlap():
    with pytest.raises(ValueError, match="11:00 is before 12:00"):
        read({"zone": "UTC", "hours": {"monday": ["09:00-12:00", "11:00-17:00"]}})


MINUTE = timedelta(minutes=1)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
spans = st.tuples(st.integers(0, 22), st.integers(1, 12)).map(
    lambda span: [f"{span[0]:02}:00-{min(span[0] + span[1], 23):02}:30"]
)
weeks = st.dictionaries(st.sampled_from(business_time.WEEKDAYS), spans, min_size=1)
free = st.lists(st.dates(date(2026, 3, 1), date(2026, 4, 20)), max_size=3)
# Around the days on which clocks change.
starts = st.integers(0, 60 * 24 * 30).map(lambda minutes: datetime(2026, 3, 7, tzinfo=UTC) + minutes * MINUTE)


def slowly(calendar, start, minutes):
    """Count minute by minute, by the wall clock."""
    zone, at = ZoneInfo(calendar.zone), start
    while True:
        here = at.astimezone(zone)
        hours = () if calendar.is_free(here.date()) else calendar.week[here.weekday()]
        if any(opens <= here.time() < closes for opens, closes in hours):
            if not minutes:
                return at
            minutes -= 1
            if not minutes:
                return at + MINUTE
        at += MINUTE


@settings(max_examples=60)
@given(zones, weeks, free, starts, st.integers(0, 900))
def test_as_a_slow_count_says(zone, hours, free, start, minutes):
    calendar = read({"zone": zone, "hours": hours, "free": [day.isoformat() for day in free]})
    assert calendar.add(start, minutes * MINUTE) == slowly(calendar, start, minutes)


@given(zones, weeks, starts, st.integers(1, 3000), st.integers(1, 3000))
def test_two_lengths_after_each_other_are_one(zone, hours, start, first, second):
    calendar = read({"zone": zone, "hours": hours})
    twice = calendar.add(calendar.add(start, first * MINUTE), second * MINUTE)
    assert twice == calendar.add(start, (first + second) * MINUTE)


@given(zones, weeks, starts, st.integers(1, 3000))
def test_it_is_never_early_and_always_within_hours(zone, hours, start, minutes):
    calendar = read({"zone": zone, "hours": hours})
    end = calendar.add(start, minutes * MINUTE)
    assert end - start >= minutes * MINUTE
    before = (end - MINUTE / 60).astimezone(ZoneInfo(zone))
    assert any(opens <= before.time() < closes for opens, closes in calendar.week[before.weekday()])


def test_the_end_of_a_day_is_midnight():
    assert business_time.read({"zone": "UTC", "hours": {"monday": ["22:00-24:00"]}}).week[0] == ((time(22), time.max),)
