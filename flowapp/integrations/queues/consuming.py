"""The threads that read FLOWAPP_EVENT_SOURCES, beside the sweeper of every worker process and of `flowapp dev`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from django.conf import settings
from django.db import connections

from flowapp.engine import sweep

from .sources import Source, parse
from .states import Telling

logger = logging.getLogger("flowapp.integrations")
LONGEST_PAUSE = 30.0  # seconds between looks for a broker or a database that is away


class Reader(Protocol):
    """One queue being read."""

    source: Source

    def round(self) -> int:
        """Read what there is, waiting a moment for it."""

    def close(self) -> None:
        """Stop."""


class Consumer:
    """Reads one source until it is stopped, whatever happens to the other end meanwhile."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stopping = threading.Event()
        self._pause = 0.0  # seconds before the next try to connect
        self._telling = Telling(source)
        self._thread = threading.Thread(target=self._run, name=f"flowapp-queue-{source.queue}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Have it end after the message at hand."""
        self._stopping.set()

    def stop(self) -> None:
        """Wait for its end, a moment."""
        self.ask_to_stop()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            try:
                self._read()
            except Exception as error:  # noqa: BLE001 - redis, kombu, its transports and the database raise many kinds
                self._pause = min(max(1.0, self._pause * 2), LONGEST_PAUSE)
                logger.warning("%s is not read just now: %s: %s", self._source.label, type(error).__name__, error)
                self._telling.fails(error)
            finally:
                connections.close_all()

    def _read(self) -> None:
        reader = reader_of(self._source)
        try:
            while not self._stopping.is_set():
                reader.round()
                self._pause = 0.0
                self._telling.reads()
        finally:
            reader.close()


def reader_of(source: Source) -> Reader:
    """What reads this kind of source."""
    if source.kind == "redis-stream":
        from .redis_stream import StreamReader

        return StreamReader(source)
    from .amqp import QueueReader

    return QueueReader(source)


def sources() -> Sequence[Source]:
    """The sources of the settings, which were judged when they were read."""
    return [parse(text) for text in settings.FLOWAPP_EVENT_SOURCES]


@sweep.companion
@contextmanager
def consuming() -> Iterator[None]:
    """Read them as long as this process sweeps."""
    consumers = [Consumer(source) for source in sources()]
    for one in consumers:
        one.start()
    try:
        yield
    finally:
        for one in consumers:
            one.ask_to_stop()
        for one in consumers:
            one.stop()
