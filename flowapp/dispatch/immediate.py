"""Runs execute to their next wait in the caller's own thread and connection, at commit: for tests and the demo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flowapp.engine import inline, signals, sweep


class ImmediateDispatcher:
    """Executes ready runs at once. `always_suspend` drops the body after every step, to prove that replay is exact."""

    def __init__(self, *, always_suspend: bool = False) -> None:
        self._always_suspend = always_suspend
        self._draining = False
        self._wanted = False

    @contextmanager
    def installed(self) -> Iterator[ImmediateDispatcher]:
        """Answer the doorbell within this block."""
        signals.ready.connect(self._on_ready, weak=False)
        try:
            yield self
        finally:
            signals.ready.disconnect(self._on_ready)

    def sweep(self) -> None:
        """Do what time has made due (move the clock first), and execute what it woke."""
        sweep.sweep()
        self.drain()

    def drain(self, queues: Sequence[str] = ("default",)) -> None:
        """Execute until no run of these queues is ready."""
        self._wanted = True
        if self._draining:
            return
        self._draining = True
        try:
            while self._wanted:
                self._wanted = False
                inline.execute_ready(always_suspend=self._always_suspend, queues=queues)
        finally:
            self._draining = False

    def _on_ready(self, sender: object, **_: Any) -> None:
        self.drain()
