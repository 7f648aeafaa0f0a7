"""Whether changed code still comes past what is recorded, seen while it runs and not only at its end.

Code may make new calls anywhere, so a recorded call that is missing may come yet, as long as the body awaits something
new. What is new is what is not recorded, and what was recorded early: by code that had not come past all that was
recorded before, or of which that is not known. Where a body awaits nothing new, nothing new can lead it to what is
missing: that was left out. Then nothing that is not recorded begins any more.
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
        self._passed = 0  # the number of the last outcome given though one before it was missing

    def feeds(self, record: Recorded) -> None:
        """This recorded outcome is the next. It is given in any case: two calls may only have changed places."""
        if self._replay.first_unreached < record.seq and not record.early and not self._awaits_anything_new(record):
            self._passed = max(self._passed, record.seq)

    def astray(self, begins: Collection[Call]) -> ReplayDiverged | None:
        """Whether the body has left out something recorded. Nothing recorded is left to give, and these calls begin.

        The code that recorded an outcome that is not early had made all calls recorded before, without it. So a body
        that awaited this and nothing new, and had not made one of them, has left that out.
        """
        if self._calls and all(key in self._waits.before for key in self._calls):
            return self._replay.diverged(f"waits for {_named(self._calls.values())}")
        if begins and self._replay.first_unreached < self._passed:
            return self._replay.diverged(f"comes to {_named(begins)}")
        return None

    def _awaits_anything_new(self, fed: Recorded) -> bool:
        for key in self._calls:
            record = self._replay.pending(key)
            if record is not None:
                if record.early:
                    return True
            elif key != (fed.name, fed.occurrence) and key not in self._waits.before:
                return True
        return False


def _named(calls: Collection[Call]) -> str:
    return ", ".join(label(call.key) for call in list(calls)[:3])
