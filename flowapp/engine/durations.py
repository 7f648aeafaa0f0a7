"""Durations as people write them: "200ms", "30s", "10m", "48h", "30d", a timedelta, or a number of seconds."""

import math
import re
from datetime import timedelta
from typing import Any

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")

LONGEST = timedelta(days=36525)  # 100 years: no date that it leads to is out of reach

type Duration = timedelta | str | float | int


def parse(value: Duration) -> timedelta:
    """The duration as a timedelta, of 100 years at most. Raises ValueError with the accepted forms."""
    length = _seconds(value)
    if length < 0:
        raise ValueError(f"a duration cannot be negative: {value!r}")
    if length > LONGEST.total_seconds():
        raise ValueError(f"{str(value)[:40]!r} is longer than 100 years, the longest duration")
    return value if isinstance(value, timedelta) else timedelta(seconds=length)


def _seconds(value: Any) -> float:  # whatever is given as one
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float):
        if isinstance(value, float) and math.isnan(value):
            raise ValueError(f"{value!r} is not a number of seconds")
        return value
    text = value.strip() if isinstance(value, str) else ""
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f'{value!r} is not a duration; write "200ms", "30s", "10m", "48h", "30d" or a timedelta')
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def seconds(value: Duration) -> float:
    """The duration in seconds."""
    return parse(value).total_seconds()
