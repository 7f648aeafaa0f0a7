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
        self._waiting: dict[Key, R] = {(record.name, record.occurrence): record for record in records}
        self._called: list[tuple[int, Key]] = []
        self._records: dict[Key, R] = dict(self._waiting)
        self.last_seq = max((record.seq for record in self._waiting.values()), default=0)

    def call(self, key: Key, kind: str, args_hash: bytes) -> bool:
        """Note that the body made this call; True when its outcome is recorded. Raises ReplayDiverged."""
        record = self._waiting.pop(key, None)
        if record is None:
            return False
        if record.kind != kind:
            raise ReplayDiverged(f"recorded {_label(key)} was a {record.kind}; the code now makes it a {kind}")
        if bytes(record.args_hash) != args_hash:
            raise ReplayDiverged(
                f"recorded {record.kind} {_label(key)} was called with other arguments than the code passes now",
                arguments=True,
            )
        heapq.heappush(self._called, (record.seq, key))
        return True

    @property
    def unfinished(self) -> bool:
        """Whether something recorded has not reached the body yet."""
        return bool(self._records)

    def take(self, key: Key) -> bool:
        """Consume a record that is its own outcome (a marker); False when it is not recorded."""
        record = self._waiting.pop(key, None)
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
        if self._waiting:
            first = min(self._waiting.values(), key=lambda record: record.seq)
            raise ReplayDiverged(
                f"recorded {first.kind} {_label((first.name, first.occurrence))} is no longer reached by the code; "
                f"instead it {reached}"
            )


def _label(key: Key) -> str:
    name, occurrence = key
    return f"{name!r}" if occurrence == 1 else f"{name!r} (use {occurrence})"
