"""Business time: pure arithmetic over working hours, days off and time zones. Moments in, moments out, all aware.

Working hours are of the wall clock in the calendar's zone; what passes between them is real time, so that the day on
which clocks change has an hour more or less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST = timedelta(days=3650)  # how far ahead a working day is looked for

type Hours = tuple[tuple[time, time], ...]


class NoWorkingTime(ValueError):
    """The calendar has no working time in the next ten years, so nothing would ever be due."""

    def __str__(self) -> str:
        return str(self.__doc__)


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """A calendar: hours by weekday (Monday first), the public holidays of a country, and days off of one's own."""

    zone: str
    week: tuple[Hours, ...]
    country: str = ""
    region: str = ""
    free: frozenset[date] = frozenset()

    def add(self, start: datetime, length: timedelta) -> datetime:
        """The moment at which this much business time has passed since `start`. Raises NoWorkingTime."""
        left = length
        for opens, closes in self._open_from(start):
            begin = max(opens, start)
            if left <= closes - begin:
                return begin + left
            left -= closes - begin
        raise NoWorkingTime

    def is_free(self, day: date) -> bool:
        """Whether nobody works on this day, whatever weekday it is."""
        return day in self.free or day in public_holidays(self.country, self.region, day.year)

    def _open_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The working hours that have not ended at `start`, in order, as moments in UTC."""
        zone = ZoneInfo(self.zone)
        day = start.astimezone(zone).date()
        last = day + LONGEST
        while day < last:
            if not self.is_free(day):
                for opens, closes in self.week[day.weekday()]:
                    hours = _moment(day, opens, zone), _moment(day, closes, zone)
                    if hours[1] > max(hours[0], start):
                        yield hours
            day += timedelta(days=1)


def read(kept: Mapping[str, Any]) -> WorkingTime:
    """The calendar that `kept` describes: {"zone", "hours": {"monday": ["09:00-17:00"]}, "country", "region", "free"}.

    Raises ValueError naming what is wrong.
    """
    return WorkingTime(
        zone=kept["zone"],
        week=tuple(_hours(kept["hours"].get(name, ())) for name in WEEKDAYS),
        country=kept.get("country", ""),
        region=kept.get("region", ""),
        free=frozenset(date.fromisoformat(day) for day in kept.get("free", ())),
    )


def _hours(texts: Sequence[str]) -> Hours:
    found = tuple(sorted(_span(text) for text in texts))
    for (_, closes), (opens, _) in pairwise(found):
        if opens < closes:
            raise ValueError(f"{opens:%H:%M} is before {closes:%H:%M}, at which the hours before it end")
    return found


def _span(text: str) -> tuple[time, time]:
    opens, dash, closes = (part.strip() for part in text.partition("-"))
    try:
        span = time.fromisoformat(opens), _closing(closes)
    except ValueError:
        dash = ""
    if not dash or "" in (opens, closes):
        raise ValueError(f"{text!r} is no span of hours; write 09:00-17:00")
    if span[0] >= span[1] or span[0].tzinfo or span[1].tzinfo:
        raise ValueError(f"{text!r} ends before it begins; write 09:00-17:00")
    return span


def _closing(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    if at == time.max:  # midnight at the end of the day
        day, at = day + timedelta(days=1), time()
    return datetime.combine(day, at, zone).astimezone(UTC)


def countries() -> dict[str, list[str]]:
    """The countries whose public holidays are known, by their two letters, with their regions."""
    import holidays  # it takes long to load, and few need it

    return holidays.list_supported_countries(include_aliases=False)


@lru_cache(maxsize=512)
def public_holidays(country: str, region: str, year: int) -> dict[date, str]:
    """The public holidays of a year, with their names; none without a country."""
    if not country:
        return {}
    import holidays  # the same

    return dict(holidays.country_holidays(country, subdiv=region or None, years=year))
