"""The threads that deliver the outbox, beside the sweeper of every worker.

A slow receiver delays only what is sent to itself: workspaces take turns, and so do the receivers of each. A workspace
may hold half of a channel's threads, one receiver a third of these; a channel that names no receivers has no such part.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import Error, connections

from flowapp.engine import sweep

from . import delivery, outbox
from .lines import Line
from .models import OutboxMessage

logger = logging.getLogger("flowapp.integrations")
THREADS = 2 * delivery.MOST_EACH  # a channel
PRUNE_EVERY = 600.0  # seconds
GIVE_WAY = 0.02  # seconds; the commit that rang has woken a run as well, which people wait for


class Deliverer:
    """Claims what is due whenever the bell rings, and sends up to THREADS messages of each channel at once."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        # Messages under way, by channel and line.
        self._busy: defaultdict[str, Counter[Line]] = defaultdict(Counter)
        self._lock = threading.Lock()
        self._prune_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="flowapp-outbox", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        outbox.bell.set()
        self._thread.start()

    def stop(self) -> None:
        """Claim no more, and wait a moment for what is being sent; what is cut off is sent again after its lease."""
        self._stopping.set()
        outbox.bell.set()
        self._thread.join(timeout=5)
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + 5
        while any(busy.total() for busy in self._busy.values()) and time.monotonic() < until:
            time.sleep(0.01)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if outbox.bell.wait(timeout=2 * sweep.INTERVAL):
                    self._stopping.wait(GIVE_WAY)
                outbox.bell.clear()
                self._round()
        finally:
            connections.close_all()

    def _round(self) -> None:
        try:
            for channel in delivery.due_channels():
                while not self._stopping.is_set() and self._send_some(channel):
                    pass
            if time.monotonic() >= self._prune_at:
                self._prune_at = time.monotonic() + (0 if delivery.prune() else PRUNE_EVERY)
        except Error as error:
            logger.warning("the outbox did not reach the database: %s", error)
            connections.close_all()
        except Exception:
            logger.exception("a round of the outbox failed; the next one tries again")

    def _send_some(self, channel: str) -> bool:
        """Claim what fits; True when there may be more room and more to send."""
        with self._lock:
            under_way = +self._busy[channel]
        room = THREADS - under_way.total()
        if room <= 0:
            return False
        claimed = delivery.claim(channel, room, under_way)
        for message in claimed:
            self._submit(message)
        return len(claimed) == room

    def _submit(self, message: OutboxMessage) -> None:
        name = message.channel
        if name not in self._pools:
            self._pools[name] = ThreadPoolExecutor(THREADS, thread_name_prefix=f"flowapp-outbox-{name}")
        with self._lock:
            self._busy[name][message.workspace_id, message.receiver] += 1
        try:
            self._pools[name].submit(_send, message).add_done_callback(lambda over: self._done(message, over))
        except RuntimeError:  # stopping: after its lease it is sent elsewhere
            self._done(message, None)

    def _done(self, message: OutboxMessage, over: Future[None] | None) -> None:
        with self._lock:
            self._busy[message.channel][message.workspace_id, message.receiver] -= 1
        if over is not None and not over.cancelled() and (error := over.exception()):
            logger.warning("how a message went could not be noted; it is sent again after its lease: %s", error)
        outbox.bell.set()


def _send(message: OutboxMessage) -> None:
    try:
        delivery.send(message)
    finally:
        connections.close_all()


@sweep.companion
@contextmanager
def delivering() -> Iterator[None]:
    """Deliver as long as this process sweeps."""
    deliverer = Deliverer()
    deliverer.start()
    try:
        yield
    finally:
        deliverer.stop()


@sweep.chore
def ring() -> None:
    """Each sweep looks for what became due, or was queued by a process that does not deliver."""
    outbox.bell.set()
