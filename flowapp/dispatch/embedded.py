"""The dispatcher without a broker: a claimer thread and the engine's loop inside this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from flowapp.engine import signals
from flowapp.engine.process import EngineProcess

CONCURRENCY = 256
CLAIM_AT_MOST = 64


class EmbeddedDispatcher:
    """Claims runs as they become ready and executes up to `concurrency` of them at once in this process.

    Without `queues` it serves all of them.
    """

    def __init__(self, *, concurrency: int = CONCURRENCY, queues: Sequence[str] = ()) -> None:
        self._concurrency = concurrency
        self._queues = queues
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._claim_loop, name="flowapp-dispatch", daemon=True)
        self._engine: EngineProcess | None = None

    def start(self) -> None:
        """Begin to execute runs."""
        self._engine = EngineProcess("embedded", concurrency=self._concurrency, queues=self._queues)
        signals.ready.connect(self._on_ready, weak=False)
        self._thread.start()
        self._engine.start_sweeping(self._bell.set)
        self._bell.set()

    def stop(self) -> None:
        """Stop claiming, drop what runs, and give the lease back; other workers continue at once."""
        if self._engine is None:
            return
        signals.ready.disconnect(self._on_ready)
        self._engine.stopping.set()
        self._bell.set()
        self._thread.join(timeout=5)
        self._engine.stop()

    def _on_ready(self, sender: object, **_: Any) -> None:
        self._bell.set()

    def _claim_loop(self) -> None:
        engine = self._engine
        assert engine is not None
        while not engine.stopping.is_set():
            self._bell.wait()
            self._bell.clear()
            while not engine.stopping.is_set() and self._claim_some(engine):
                pass

    def _claim_some(self, engine: EngineProcess) -> bool:
        """Claim what fits; True when there may be more. A finished run rings again when slots were the limit."""
        room = min(CLAIM_AT_MOST, self._concurrency - engine.active)
        if room <= 0:
            return False
        claimed = engine.claim(room)
        for one in claimed:
            engine.drive(one).add_done_callback(lambda _: self._bell.set())
        return len(claimed) == room
