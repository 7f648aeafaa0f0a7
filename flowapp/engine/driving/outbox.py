"""Outcomes on their way to the body: each gets a number when it is handed to the store, and is held back until it and
all before it are committed. That order is what replay repeats."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowapp.engine import codec
from flowapp.engine.errors import PayloadTooLarge
from flowapp.engine.records import CheckpointRow, Write
from flowapp.engine.verbs.calls import Call

NOTHING: Any = object()


@dataclass(slots=True, eq=False)
class Entry:
    """An outcome, committed or not yet. `value` is the result as the body gets it, where that is known already."""

    call: Call
    status: str
    output: bytes | None
    error: dict[str, Any] | None
    ended_at: datetime
    committed: bool = False
    value: Any = NOTHING


@dataclass(slots=True, frozen=True)
class Reservation:
    """A numbered outcome whose commit is another transaction's."""

    write: Write
    entry: Entry


class Outbox:
    """The numbered outcomes of one run that have not reached its body."""

    def __init__(self, last_seq: int, stored: int) -> None:
        self._seq = last_seq
        self._stored = stored  # bytes
        self.entries: deque[Entry] = deque()
        self.submitted = 0
        self._answered = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def __len__(self) -> int:
        return len(self.entries)

    def number(self, entry: Entry, since: datetime) -> CheckpointRow:
        """Put an outcome in line; the row that stores it."""
        self._seq += 1
        self.entries.append(entry)
        call = entry.call
        name, occurrence = call.key
        data = codec.pack(call.input) if call.input is not None else None
        self._stored += len(entry.output or b"")
        return CheckpointRow(
            name,
            occurrence,
            self._seq,
            call.kind,
            entry.status,
            call.args_hash,
            data,
            entry.output,
            entry.error,
            max(1, call.attempt),
            since,
            entry.ended_at,
        )

    def take(self) -> Entry | None:
        """The next outcome for the body, or None while it is not committed."""
        if self.entries and self.entries[0].committed:
            return self.entries.popleft()
        return None

    def check_room(self, output: bytes) -> None:
        """Raise PayloadTooLarge when this result would take the run over its limit."""
        if self._stored + len(output) > codec.RUN_LIMIT:
            raise PayloadTooLarge(
                f"the results of this run are over the limit of {codec.RUN_LIMIT:,} bytes; "
                "store them elsewhere, or begin anew with ctx.continue_as_new"
            )

    def note_answer(self) -> None:
        """One more of the submitted outcomes is committed; they are so in their order."""
        self._answered += 1
        while self._waiting and self._waiting[0][0] <= self._answered:
            waiting = self._waiting.popleft()[1]
            if not waiting.done():
                waiting.set_result(None)

    async def committed(self) -> None:
        """Wait until all that was submitted so far is committed: what commits by itself must not overtake it."""
        if self._answered < self.submitted:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((self.submitted, waiting))
            await waiting

    @property
    def settled(self) -> bool:
        """Whether all that was numbered is committed."""
        return not self.entries or all(entry.committed for entry in self.entries)
