"""The one source of time. Anchored on the database's clock, kept by the monotonic clock, moved by tests."""

import time
from datetime import UTC, datetime, timedelta

from .durations import Duration, parse


class _Clock:
    def __init__(self) -> None:
        # A wall clock may jump; the monotonic clock does not. A worker anchors again at each heartbeat.
        self.anchor_wall = time.time()
        self.anchor_monotonic = time.monotonic()
        self.shifted = timedelta(0)


_clock = _Clock()


def now() -> datetime:
    """The current time, aware, in UTC."""
    elapsed = time.monotonic() - _clock.anchor_monotonic
    return datetime.fromtimestamp(_clock.anchor_wall + elapsed, UTC) + _clock.shifted


def sync(database_time: datetime) -> None:
    """Anchor on the database's clock, so that workers with wrong clocks agree on leases and timers."""
    _clock.anchor_wall = database_time.timestamp()
    _clock.anchor_monotonic = time.monotonic()


def shift(by: Duration) -> None:
    """Move the clock forward (tests)."""
    _clock.shifted += parse(by)


def reset() -> None:
    """Undo every shift (tests)."""
    _clock.shifted = timedelta(0)
