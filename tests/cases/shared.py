"""What a case and a worker in a process of its own have in common: a clock, the effects, and where the worker dies."""

from __future__ import annotations

import json
import mmap
import os
import signal
import struct
import time
from pathlib import Path

from flowapp.engine.records import Write

from . import effects

REFUSED = "a write was refused"  # among the effects: this worker had lost its run
_MOMENT = struct.Struct("d")


class SharedClock:
    """The engine's clock, moved in both processes at once."""

    def __init__(self, file: Path) -> None:
        self.offset = time.time() - time.monotonic()
        if not file.exists():
            file.write_bytes(bytes(_MOMENT.size))
        with file.open("r+b") as memory:
            self._memory = mmap.mmap(memory.fileno(), _MOMENT.size)

    @property
    def shifted(self) -> float:
        return float(_MOMENT.unpack_from(self._memory)[0])

    @shifted.setter
    def shifted(self, seconds: float) -> None:
        _MOMENT.pack_into(self._memory, 0, seconds)


class Shared:
    """The folder that both know."""

    def __init__(self, folder: Path) -> None:
        self.clock = SharedClock(folder / "clock")
        self._effects, self._armed, self._gate = folder / "effects", folder / "armed", folder / "closed"

    def clear(self) -> None:
        """Before a case."""
        self.clock.shifted = 0.0
        for file in (self._effects, self._armed, self._gate):
            file.unlink(missing_ok=True)

    # -- the case's side -------------------------------------------------------------------------------------------

    def read_effects(self) -> None:
        """What the worker did, as if it had been done here."""
        text = self._effects.read_text() if self._effects.exists() else ""
        found = [json.loads(line) for line in text.splitlines()]
        effects.done[:], effects.keys[:] = [what for what, _ in found], [key for _, key in found]

    def arm(self, step: str, *, before: bool) -> None:
        """The worker dies at the commit of this step."""
        self._armed.write_text(json.dumps([step, before]))

    def close(self, closed: bool) -> None:
        """Close or open the one gate there is."""
        self._gate.touch() if closed else self._gate.unlink(missing_ok=True)

    # -- the worker's side -----------------------------------------------------------------------------------------

    def note(self, what: str, key: str) -> None:
        """Write an effect down."""
        with self._effects.open("a") as file:
            file.write(json.dumps([what, key]) + "\n")

    def enter(self, gate: str) -> None:
        """Stand at the gate until it is open."""
        end = time.monotonic() + effects.PATIENCE
        while self._gate.exists():
            assert time.monotonic() < end, f"the gate {gate} stayed closed"
            time.sleep(0.005)

    def pass_by(self, write: Write, *, before: bool) -> None:
        """Die here when this commit is the armed one."""
        if self._armed.exists():
            step, armed_before = json.loads(self._armed.read_text())
            if before is armed_before and any(row.name == step for row in write.checkpoints):
                self._armed.unlink()
                os.killpg(os.getpgrp(), signal.SIGKILL)
