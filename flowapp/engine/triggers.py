"""What starts a workflow by itself: a matching event, or the clock. Declared in the decorator, checked at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import expressions
from .errors import BadDefinition

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAMES = {name: number for number, name in enumerate(WEEKDAYS)} | {
    name: number for number, name in enumerate(MONTHS, start=1)
}
MISSED = ("once", "skip", "backfill")
# The 29th of February that is a Sunday comes every 28 years, and every 40 where a year such as 2100 lies between.
FURTHEST = timedelta(days=366 * 41)
JUDGED_FROM = datetime(2024, 1, 1, tzinfo=UTC)  # whether a schedule ever comes does not depend on today


@dataclass(frozen=True, slots=True)
class Event:
    """Start a run for every event of this name (`*` matches any part) for which `when` (CEL) holds.

    The event's data is the run's input.
    """

    name: str
    when: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or self.name != self.name.strip():
            raise BadDefinition(f"Event({self.name!r}): a name is needed, without spaces around it")
        if self.when is not None:
            expressions.compile(self.when)

    def hears(self, name: str, sender: Mapping[str, Any]) -> bool:
        """Whether it listens for events of this name, whoever sends them."""
        return fnmatchcase(name, self.name)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Start a run for every delivery of the inbound webhook with this slug for which `when` (CEL) holds.

    What was delivered is the run's input.
    """

    slug: str
    when: str | None = None

    def __post_init__(self) -> None:
        if not self.slug:
            raise BadDefinition("Webhook(slug): the slug of an inbound webhook is needed")
        if self.when is not None:
            expressions.compile(self.when)

    @staticmethod
    def sender(slug: str) -> str:
        """The id of the actor that publishes this webhook's events."""
        return f"webhook:{slug}"

    def hears(self, name: str, sender: Mapping[str, Any]) -> bool:
        """Whether it listens for events of this sender, whatever their name."""
        return sender.get("kind") == "system" and sender.get("id") == self.sender(self.slug)


def refusal(trigger: Event | Webhook, event: Mapping[str, Any]) -> str | None:
    """Why an event that it hears starts nothing; None when it starts the workflow."""
    return None if trigger.when is None else expressions.compile(trigger.when).refusal("when", event=event)


@dataclass(frozen=True, slots=True)
class Cron:
    """Start a run at every slot of a five-field cron expression in a time zone, with this input (a value, or a function
    of the slot).

    `missed` says what becomes of slots that passed while nothing ran: "once" makes up for all of them by one run,
    "skip" by none, "backfill" starts a run for each, of the latest 100.

    Fields: minute, hour, day, month, weekday (0 or 7 is Sunday); `*`, lists, ranges, steps and English names. When day
    and weekday are both given, either is enough. A local time that the clocks skip does not occur; one that they
    repeat occurs once.
    """

    expression: str
    tz: str = "UTC"
    input: Any = None
    missed: Literal["once", "skip", "backfill"] = "once"
    _sets: tuple[frozenset[int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sets", _parse(self.expression))
        if self.missed not in MISSED:
            known = ", ".join(f'"{policy}"' for policy in MISSED)
            raise BadDefinition(f"Cron({self.expression!r}): missed is one of {known}, not {self.missed!r}")
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError):
            raise BadDefinition(f"Cron({self.expression!r}): there is no time zone {self.tz!r}") from None
        self.next(JUDGED_FROM)

    def input_at(self, slot: datetime) -> Any:
        """The input of the run of a slot."""
        return self.input(slot) if callable(self.input) else self.input

    def next(self, after: datetime) -> datetime:
        """The first slot after a moment (aware); raises BadDefinition when there is none within 41 years."""
        zone = ZoneInfo(self.tz)
        at = after.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
        end = at + FURTHEST
        while at < end:
            at = self._skip(at)
            slot = at.replace(tzinfo=zone).astimezone(ZoneInfo("UTC"))
            real = slot.astimezone(zone).replace(tzinfo=None) == at
            if real and slot > after and self._matches(at):
                return slot
            at += timedelta(minutes=1)
        raise BadDefinition(f"Cron({self.expression!r}) never comes")

    def _skip(self, at: datetime) -> datetime:
        """Jump over months, days and hours that cannot match."""
        _, hours, _, months, _ = self._sets
        while at.month not in months:
            at = (at.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
        if not self._day(at):
            return at.replace(hour=23, minute=59)
        return at if at.hour in hours else at.replace(minute=59)

    def _matches(self, at: datetime) -> bool:
        minutes, hours, _, months, _ = self._sets
        return at.minute in minutes and at.hour in hours and at.month in months and self._day(at)

    def _day(self, at: datetime) -> bool:
        days, weekdays = self._sets[2], self._sets[4]
        in_days, in_weekdays = at.day in days, at.isoweekday() % 7 in weekdays
        fields = self.expression.split()
        if fields[2].startswith("*") or fields[4].startswith("*"):
            return in_days and in_weekdays
        return in_days or in_weekdays


def _parse(expression: str) -> tuple[frozenset[int], ...]:
    parts = expression.split()
    if len(parts) != len(FIELDS):
        raise BadDefinition(f"Cron({expression!r}): five fields are needed (minute hour day month weekday)")
    return tuple(_values(part, *bounds, expression) for part, bounds in zip(parts, FIELDS, strict=True))


def _values(part: str, name: str, low: int, high: int, expression: str) -> frozenset[int]:
    found: set[int] = set()
    for item in part.lower().split(","):
        span, _, step = item.partition("/")
        try:
            first, last = (low, high) if span == "*" else _span(span, high if step else None)
            every = int(step) if step else 1
        except (ValueError, KeyError):
            raise BadDefinition(f"Cron({expression!r}): {item!r} is not a {name}") from None
        if not (low <= first <= last <= high and every > 0):
            raise BadDefinition(f"Cron({expression!r}): {item!r} is not a {name} of {low} to {high}")
        found.update(range(first, last + 1, every))
    return frozenset(number % 7 for number in found) if name == "weekday" else frozenset(found)


def _span(span: str, open_end: int | None) -> tuple[int, int]:
    first, dash, last = span.partition("-")
    start = _number(first)
    if dash:
        return start, _number(last)
    return start, start if open_end is None else open_end


def _number(text: str) -> int:
    return NAMES[text] if text in NAMES else int(text)
