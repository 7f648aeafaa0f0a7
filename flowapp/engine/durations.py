"""Durations as people write them: "200ms", "30s", "10m", "48h", "30d", a timedelta, or a number of seconds."""

import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")

type Duration = timedelta | str | float | int


def parse(value: Duration) -> timedelta:
    """The duration as a timedelta. Raises ValueError with the accepted forms when it does not parse."""
    if isinstance(value, timedelta):
        result = value
    elif isinstance(value, int | float):
        result = timedelta(seconds=value)
    else:
        text = value.strip()
        parts = _PART.findall(text)
        if not parts or _PART.sub("", text).strip():
            raise ValueError(f'{value!r} is not a duration; write "200ms", "30s", "10m", "48h", "30d" or a timedelta')
        result = timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    if result < timedelta(0):
        raise ValueError(f"a duration cannot be negative: {value!r}")
    return result


def seconds(value: Duration) -> float:
    """The duration in seconds."""
    return parse(value).total_seconds()
