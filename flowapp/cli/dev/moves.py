"""Tells in the terminal of `flowapp dev` where runs go: one line for each change of a run's status."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from flowapp.cli import colour
from flowapp.cli.output import note, span

if TYPE_CHECKING:
    from flowapp.engine.reading.readings import Move

_PAUSE: Final = 0.2  # seconds in which changes are gathered, so that a busy run costs one look
_REMEMBERED: Final = 5_000  # runs whose last status is known, so that it is not told twice
_AT_ONCE: Final = 200


class Moves:
    """Listens to this process's engine from `start` on."""

    def __init__(self) -> None:
        self._told: OrderedDict[UUID, str] = OrderedDict()
        self._changed: set[UUID] = set()
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="flowapp-moves", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        from flowapp.engine.signals import changed

        changed.connect(self._on_changed, weak=False)
        self._thread.start()

    def stop(self) -> None:
        """Tell no more."""
        from flowapp.engine.signals import changed

        changed.disconnect(self._on_changed)
        self._stopping.set()
        self._bell.set()

    def _on_changed(self, sender: object, *, topic: str, key: str, **_: Any) -> None:
        if topic == "run" and key:
            self._changed.add(UUID(key))
            self._bell.set()

    def _tell(self) -> None:
        from django.db import connection

        try:
            while self._bell.wait() and not self._stopping.wait(_PAUSE):
                self._bell.clear()
                ids, self._changed = self._changed, set()
                self._look(list(ids))
        finally:
            connection.close()

    def _look(self, ids: list[UUID]) -> None:
        from django.db import DatabaseError

        from flowapp.engine.reading.readings import moves

        try:
            found = moves(ids[:_AT_ONCE])
        except DatabaseError:
            return  # a line less; the page has it
        for line in self.news(found):
            note(line)
        if len(ids) > _AT_ONCE:
            note(f"  … and {len(ids) - _AT_ONCE} more runs moved")

    def news(self, found: Iterable[Move]) -> list[str]:
        """The lines for those whose status is another than was told last."""
        lines, on = [], colour.wanted(sys.stderr)
        for move in sorted(found, key=lambda one: one.run_id):
            if self._told.get(move.run_id) == move.status:
                continue
            self._told[move.run_id] = move.status
            self._told.move_to_end(move.run_id)
            lines.append(line(move, on=on))
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return lines


def line(move: Move, *, on: bool) -> str:
    """`14:05:09  expense-approval 1a2b3c4d  waiting`, with the time a run took once it ended."""
    more = ""
    if move.ended_at is not None and move.started_at is not None:
        more = f" after {span((move.ended_at - move.started_at).total_seconds())}"
    why = f" {move.error}" if move.error else ""
    sign = colour.paint(colour.SIGNS.get(move.status, "·"), colour.TONES.get(move.status, ""), on=on)
    at = colour.paint(f"{datetime.now():%H:%M:%S}", "faint", on=on)  # noqa: DTZ005 - the reader's own clock
    return f"{at} {sign} {move.workflow} {str(move.run_id)[-8:]} {colour.status(move.status, on=on)}{why}{more}"
