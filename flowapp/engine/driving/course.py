"""Whether changed code still comes past what is recorded, seen while it runs and not only at its end.

Code may make new calls anywhere, so a recorded call that is missing may come yet, as long as the body awaits something
new. When all it awaits is what it awaited before, nothing new can lead it there: what is missing was left out. Then
nothing that is not recorded begins any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flowapp.engine.errors import ReplayDiverged
from flowapp.engine.records import Recorded
from flowapp.engine.replay import Key, Replay, label
from flowapp.engine.verbs.calls import Call

from .open_waits import OpenWaits


class Course:
    """The way of one run's body along its record. Asked only while recorded calls have not been made."""

    def __init__(self, replay: Replay[Recorded], waits: OpenWaits, calls: Mapping[Key, Call]) -> None:
        self._replay = replay
        self._waits = waits
        self._calls = calls  # made and not yet answered
        # Outcomes given though one before them was missing: their numbers, and the last that the body then awaited.
        self._passing: list[tuple[int, int]] = []

    def feeds(self, record: Recorded) -> None:
        """This recorded outcome is the next. It is given in any case: two calls may only have changed places."""
        if self._replay.first_unreached < record.seq:
            last = self._last_awaited(record)
            if last is not None:
                self._passing.append((record.seq, last))

    def astray(self, begins: Collection[Call]) -> ReplayDiverged | None:
        """Whether the body has left out something recorded. Nothing recorded is left to give, and these calls begin.

        What is missing was then left out, or comes after something new. All that was recorded before the last of it is
        older than the code: a body that awaited nothing else, and did not make the first of it, has left it out.
        """
        if self._calls and all(key in self._waits.before for key in self._calls):
            return self._replay.diverged(f"waits for {_named(self._calls.values())}")
        first, last = self._replay.first_unreached, self._replay.last_unreached
        if begins and any(first < seq and awaited < last for seq, awaited in self._passing):
            return self._replay.diverged(f"comes to {_named(begins)}")
        return None

    def _last_awaited(self, fed: Recorded) -> int | None:
        """The highest number among the outcomes that the body awaits.

        None when it awaits something new, or what was recorded after all that is missing: then it is on its way yet.
        """
        last, missing = fed.seq, self._replay.last_unreached
        for key in self._calls:
            if last >= missing:
                return None
            record = self._replay.pending(key)
            if record is not None:
                last = max(last, record.seq)
            elif key != (fed.name, fed.occurrence) and key not in self._waits.before:
                return None
        return last


def _named(calls: Collection[Call]) -> str:
    return ", ".join(label(call.key) for call in list(calls)[:3])
