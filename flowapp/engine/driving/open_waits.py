"""The waits of one run: what is open, what is about to open, what arrived, and what can be dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from flowapp.engine import clock
from flowapp.engine.models import Wait
from flowapp.engine.records import Arrival, Key, OpenWait
from flowapp.engine.verbs.calls import Call


class OpenWaits:
    """What a driver knows of its run's rows in the table of waits."""

    def __init__(self, rows: Iterable[Wait], recorded: frozenset[Key]) -> None:
        self._open: dict[Key, tuple[bytes, datetime | None]] = {}
        self._opening: dict[Key, Call] = {}
        self.arrived: dict[Key, Arrival] = {}
        self.dropping: list[Key] = []
        for row in rows:
            key = (row.name, row.occurrence)
            if key in recorded:
                self.dropping.append(key)  # its outcome was committed without it
                continue
            self._open[key] = (bytes(row.args_hash), row.due_at)
            if row.arrival is not None:
                assert row.arrived_at is not None
                self.arrived[key] = Arrival(*key, bytes(row.outcome or b""), row.arrived_at, row.since)

    def __contains__(self, key: Key) -> bool:
        return key in self._open

    def __bool__(self) -> bool:
        return bool(self._open or self._opening)

    @property
    def keys(self) -> Iterable[Key]:
        """The keys of all that is open."""
        return self._open.keys()

    def identity(self, key: Key) -> bytes | None:
        """What an open wait was opened with; None when it is not open."""
        known = self._open.get(key)
        return None if known is None else known[0]

    def add(self, call: Call) -> None:
        """Have a wait opened with the next write."""
        self._opening[call.key] = call

    def opens(self, key: Key) -> bool:
        """Whether a wait is about to open with the next write."""
        return key in self._opening

    def forget(self, key: Key) -> bool:
        """The body gave up this wait; True when it has a row that must be dropped."""
        self._opening.pop(key, None)
        self.arrived.pop(key, None)
        return self._open.pop(key, None) is not None

    def void(self, key: Key) -> None:
        """The question changed: close this wait, with whatever answer it had, so that it can be opened anew."""
        if self.forget(key):
            self.dropping.append(key)

    def arrive(self, arrival: Arrival) -> None:
        """Something arrived; what the run has taken meanwhile was only read too early."""
        key = (arrival.name, arrival.occurrence)
        if key in self._open:
            self.arrived.setdefault(key, arrival)

    def take(self, key: Key) -> Arrival:
        """Consume what arrived for a wait."""
        self._open.pop(key, None)
        return self.arrived.pop(key)

    @property
    def unwritten(self) -> bool:
        """Whether a write is due for waits to open or to drop."""
        return bool(self._opening or self.dropping)

    def to_open(self) -> Sequence[OpenWait]:
        """What the next write has to open; from now on it counts as open."""
        opening: list[OpenWait] = []
        for call in self._opening.values():
            assert call.opening is not None
            self._open[call.key] = (call.args_hash, call.opening.due_at)
            opening.append(call.opening)
        self._opening = {}
        return opening

    def to_drop(self) -> list[Key]:
        """What the next write has to drop."""
        dropping, self.dropping = self.dropping, []
        return dropping

    def nearest(self) -> float | None:
        """Seconds until the next deadline."""
        due = [at for _, at in self._open.values() if at is not None]
        due += [call.opening.due_at for call in self._opening.values() if call.opening and call.opening.due_at]
        return (min(due) - clock.now()).total_seconds() if due else None
