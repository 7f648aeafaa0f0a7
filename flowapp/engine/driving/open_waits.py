"""The waits of one run: what is open, what is about to open, what arrived, and what can be dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from flowapp.engine import arrivals, clock
from flowapp.engine.models import Wait
from flowapp.engine.records import Arrival, Key, OpenWait, Recorded
from flowapp.engine.replay import Replay
from flowapp.engine.verbs.calls import Call

EARLY = "early"  # in a wait's detail: it was opened while the body had not made all calls that are recorded


class OpenWaits:
    """What a driver knows of its run's rows in the table of waits."""

    def __init__(self, rows: Iterable[Wait], replay: Replay[Recorded]) -> None:
        self._replay = replay
        self.before: set[Key] = set()  # open when the run was claimed, and not by code newer than what is recorded
        self._open: dict[Key, tuple[bytes, datetime | None, datetime]] = {}  # identity, deadline, opened when
        self._opening: dict[Key, Call] = {}
        self.arrived: dict[Key, Arrival] = {}
        self.asking: dict[Key, Arrival] = {}  # of these the children need a person
        self.dropping: list[Key] = []
        self._stale: dict[str, int] = {}  # names of waits, and how many answers to come were read too early for them
        for row in rows:
            key = (row.name, row.occurrence)
            if replay.pending(key) is not None:
                self.dropping.append(key)  # its outcome was committed without it
                continue
            self._open[key] = (bytes(row.args_hash), row.due_at, row.since)
            if EARLY not in row.detail:
                self.before.add(key)
            if row.arrival is not None:
                self.arrive(arrivals.arrival_of(row))

    def __contains__(self, key: Key) -> bool:
        return key in self._open

    def __bool__(self) -> bool:
        return bool(self._open or self._opening)

    @property
    def early(self) -> bool:
        """Whether the body has not made all calls that are recorded: what it opens and records now may come first."""
        return bool(self._replay.unreached)

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
        self.asking.pop(key, None)
        return self._open.pop(key, None) is not None

    def void(self, key: Key) -> None:
        """The question changed: close this wait, with whatever answer it had, so that it can be opened anew."""
        if self.forget(key):
            self.dropping.append(key)

    def arrive(self, arrival: Arrival) -> None:
        """Something arrived. What the run has taken meanwhile was only read too early, and so was what had arrived for
        an earlier wait of the same key: the one before the last attempt of a step."""
        key = (arrival.name, arrival.occurrence)
        if key not in self._open or self._open[key][2] != arrival.since:
            return
        if arrival.asks:
            self.asking[key] = arrival
        else:
            self.asking.pop(key, None)
            self.arrived.setdefault(key, arrival)

    def heard(self, found: Iterable[Arrival]) -> None:
        """An answer of the store: what has arrived."""
        for arrival in found:
            if arrival.name not in self._stale:
                self.arrive(arrival)
        self._stale = {name: answers - 1 for name, answers in self._stale.items() if answers > 1}

    def unread(self, name: str, answers: int) -> bool:
        """Signals change hands with the next write: forget what had arrived for waits of this name, and what so many
        answers to come say of it. False when there is none."""
        keys = [key for key in self._open if key[0] == name]
        for key in keys:
            self.arrived.pop(key, None)
        if keys and answers:
            self._stale[name] = answers
        return bool(keys)

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
            self._open[call.key] = (call.args_hash, call.opening.due_at, call.opening.since)
            opening.append(call.opening)
        self._opening = {}
        if self.early:
            return [replace(row, detail={**row.detail, EARLY: True}) for row in opening]
        return opening

    def to_drop(self) -> list[Key]:
        """What the next write has to drop."""
        dropping, self.dropping = self.dropping, []
        return dropping

    def nearest(self) -> float | None:
        """Seconds until the next deadline of what has not arrived."""
        due = [at for key, (_, at, _) in self._open.items() if at is not None and key not in self.arrived]
        due += [call.opening.due_at for call in self._opening.values() if call.opening and call.opening.due_at]
        return (min(due) - clock.now()).total_seconds() if due else None
