"""The one source of time: the database's clock, kept by the monotonic clock, moved by tests and the demo's story."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from .durations import Duration, parse


class _Clock:
    def __init__(self) -> None:
        # A wall clock may jump; the monotonic clock does not. A worker anchors again at each heartbeat.
        self.offset = time.time() - time.monotonic()
        self.shifted = 0.0


_clock = _Clock()


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.fromtimestamp(time.monotonic() + _clock.offset + _clock.shifted, UTC)


def sync(database_time: datetime) -> None:
    """Anchor on the database's clock, so that workers with wrong clocks agree on leases and timers."""
    _clock.offset = database_time.timestamp() - time.monotonic()


def shift(by: Duration) -> None:
    """Move the clock forward (tests)."""
    _clock.shifted += parse(by).total_seconds()


def reset() -> None:
    """Undo every shift (tests)."""
    _clock.shifted = 0.0


@contextmanager
def travelling() -> Iterator[Callable[[datetime], None]]:
    """A function that moves the clock to any moment; at the end of the block time is what it was (the demo)."""
    shifted = _clock.shifted

    def travel(moment: datetime) -> None:
        _clock.shifted += (moment - now()).total_seconds()

    try:
        yield travel
    finally:
        _clock.shifted = shifted
