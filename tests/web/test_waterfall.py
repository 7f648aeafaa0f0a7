"""Bars on a time axis: places, attempts, waits, and an axis that keeps short steps in sight of long waits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flowapp.web import folding, waterfall
from flowapp.web.waterfall import Segment

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


@dataclass
class Try:
    started_at: datetime
    ended_at: datetime | None


@dataclass
class Step:
    name: str
    started_at: datetime
    ended_at: datetime | None = None
    status: str = "completed"
    kind: str = "step"
    tries: list[Try] = field(default_factory=list)


def drawn(*steps, until=10.0):
    return waterfall.draw(steps, since=START, until=at(until))


def test_steps_lie_where_they_ran():
    bars = drawn(Step("a", at(0), at(4)), Step("b", at(4), at(10))).bars
    assert [bar.segments for bar in bars] == [[Segment(0, 40, "completed")], [Segment(40, 60, "completed")]]
    assert [bar.took for bar in bars] == ["4.0 s", "6.0 s"]


def test_what_took_no_time_is_still_to_be_seen_and_stays_on_the_axis():
    first, last = drawn(Step("a", at(0), at(0)), Step("b", at(10), at(10)), Step("c", at(0), at(10))).bars[::2]
    assert first.segments[0].width > 0
    assert last.segments[0].x + last.segments[0].width <= 100


def test_failed_attempts_come_before_the_last_one():
    step = Step("a", at(5), at(10), tries=[Try(at(0), at(2)), Try(at(3), at(4))])
    bar = drawn(step).bars[0]
    assert [segment.look for segment in bar.segments] == ["failed", "failed", "completed"]
    assert bar.took == "10 s"


def test_between_attempts_the_step_waits():
    step = Step("a", at(0), status="retrying", tries=[Try(at(0), at(8))])
    assert [segment.look for segment in drawn(step).bars[0].segments] == ["failed", "waiting"]


def test_an_open_step_reaches_to_now():
    assert drawn(Step("a", at(5), status="running")).bars[0].segments == [Segment(50, 50, "running")]


def test_an_even_axis_has_even_ticks():
    ticks = drawn(Step("a", at(0), at(10))).ticks
    assert ticks == [(0, "0"), (25, "2.5 s"), (50, "5.0 s"), (75, "7.5 s"), (100, "10 s")]


def test_a_long_wait_leaves_room_for_the_steps_but_stays_the_longest():
    two_days = 2 * 24 * 60 * 60.0
    made = drawn(
        Step("a", at(0), at(2)),
        Step("ask", at(2), at(two_days), kind="prompt"),
        Step("b", at(two_days), at(two_days + 1)),
        until=two_days + 1,
    )
    widths = {bar.step.name: bar.segments[0].width for bar in made.bars}
    assert made.shortened
    assert widths["ask"] > widths["a"] > widths["b"] > 15
    assert made.bars[1].segments[0].look == "waited"


def test_time_waited_on_people():
    asked = Step("ask", at(1), at(4), kind="prompt")
    slept = Step("sleep", at(4), at(9), kind="sleep")
    assert waterfall.waited([asked, slept], at(10)) == "3.0 s"
    assert waterfall.waited([slept], at(10)) == ""


def test_many_uses_of_a_step_become_one_row():
    items = [Step("look", at(n / 10), at(n / 10 + 0.1)) for n in range(40)]
    items[7].status, items[8].status = "failed", "retrying"
    begin, end = Step("begin", at(0), at(0)), Step("end", at(9), at(10))
    first, many, last = folding.rows(drawn(begin, *items, end).bars)
    assert (first.step, last.step) == (begin, end)
    assert (many.first.step.name, len(many.bars), many.took) == ("look", 40, "4.0 s")
    assert (many.status, many.counts) == ("failed", [("failed", 1), ("retrying", 1), ("completed", 38)])
    assert [segment.look for segment in many.segments] == ["completed", "completed", "retrying", "failed"]
    assert (many.segments[0].x, many.segments[1].x + many.segments[1].width) == (0, 40)


def test_few_or_different_ones_stay_rows_of_their_own():
    few = [Step("look", at(n), at(n + 0.1)) for n in range(folding.LEAST - 1)]
    mixed = [Step("ab"[n % 2], at(n / 4), at(n / 4 + 0.1)) for n in range(30)]
    for steps in (few, mixed):
        bars = drawn(*steps).bars
        assert folding.rows(bars) == list(bars)
