"""Matches what a workflow's body does now against what was recorded, and says in which order outcomes return.

Outcomes are fed back lowest `seq` first among the recorded calls the body has made so far. With unchanged code that is
exactly the order of the first execution, whatever finished first; a call the record does not know runs live.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Protocol

from .errors import ReplayDiverged

type Key = tuple[str, int]


class Record(Protocol):
    """A stored outcome, as far as matching needs it."""

    @property
    def name(self) -> str: ...
    @property
    def occurrence(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def args_hash(self) -> bytes: ...


class Replay[R: Record]:
    """The recorded past of one run."""

    def __init__(self, records: Iterable[R]) -> None:
        self.unreached: dict[Key, R] = {(record.name, record.occurrence): record for record in records}
        self._called: list[tuple[int, Key]] = []
        self._records: dict[Key, R] = dict(self.unreached)
        self._in_order = sorted((record.seq, key) for key, record in self.unreached.items())
        self._first = 0
        self.last_seq = self._in_order[-1][0] if self._in_order else 0

    def call(self, key: Key, kind: str, args_hash: bytes) -> bool:
        """Note that the body made this call; True when its outcome is recorded. Raises ReplayDiverged."""
        record = self.unreached.pop(key, None)
        if record is None:
            return False
        if record.kind != kind:
            raise ReplayDiverged(f"recorded {label(key)} was a {record.kind}; the code now makes it a {kind}")
        if bytes(record.args_hash) != args_hash:
            raise ReplayDiverged(
                f"recorded {record.kind} {label(key)} was called with other arguments than the code passes now",
                arguments=True,
            )
        heapq.heappush(self._called, (record.seq, key))
        return True

    @property
    def first_unreached(self) -> int:
        """The number of the first outcome whose call the body has not made; higher than any when it made all."""
        if not self.unreached:
            return self.last_seq + 1
        while self._in_order[self._first][1] not in self.unreached:
            self._first += 1
        return self._in_order[self._first][0]

    @property
    def unfinished(self) -> bool:
        """Whether something recorded has not reached the body yet."""
        return bool(self._records)

    def take(self, key: Key) -> bool:
        """Consume a record that is its own outcome (a marker); False when it is not recorded."""
        record = self.unreached.pop(key, None)
        return self._records.pop(key, None) is not None and record is not None

    def pending(self, key: Key) -> R | None:
        """What is recorded for a call and has not reached the body."""
        return self._records.get(key)

    def next(self) -> R | None:
        """The next outcome to feed back, or None when the body has made no further recorded call."""
        if not self._called:
            return None
        return self._records.pop(heapq.heappop(self._called)[1])

    def refuse_unreached(self, reached: str) -> None:
        """Raise ReplayDiverged when recorded calls were never made; `reached` says what the code did instead."""
        if self.unreached:
            raise self.diverged(reached)

    def diverged(self, reached: str) -> ReplayDiverged:
        """Says which recorded call was not made, and what the code did instead."""
        first = min(self.unreached.values(), key=lambda record: record.seq)
        missing = f"recorded {first.kind} {label((first.name, first.occurrence))}"
        return ReplayDiverged(f"{missing} is no longer reached by the code; instead it {reached}")


def label(key: Key) -> str:
    """A call as messages name it."""
    name, occurrence = key
    return f"{name!r}" if occurrence == 1 else f"{name!r} (use {occurrence})"
