"""What a worker process does beside executing runs, in a thread of its own: log lines, bulk verbs, retention."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, connection

from flowapp.engine import sweep

from . import bulk, logbook, retention

logger = logging.getLogger("flowapp.engine")
INTERVAL = 0.25  # seconds
BULK_INTERVAL = 1.0  # between two looks for new jobs; one that is found is worked on without a pause
RETENTION_INTERVAL = 60.0


@sweep.companion
@contextmanager
def upkeep() -> Iterator[None]:
    """Keep it up until the block is left, and write the last log lines then."""
    stopping = threading.Event()
    thread = threading.Thread(target=_keep_up, args=(stopping,), name="flowapp-upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(timeout=5)


def _keep_up(stopping: threading.Event) -> None:
    looked = retained = 0.0
    busy = False
    try:
        while not stopping.wait(INTERVAL):
            _try(_write_lines)
            if busy or time.monotonic() - looked >= BULK_INTERVAL:
                busy = bool(_try(lambda: bulk.advance(1.0)))
                looked = time.monotonic()
            if time.monotonic() - retained >= RETENTION_INTERVAL:
                _try(lambda: retention.enforce(2.0))
                retained = time.monotonic()
        _try(_write_lines)
    finally:
        connection.close()


def _write_lines() -> None:
    while logbook.flush():
        pass


def _try(work: Callable[[], object]) -> object:
    try:
        return work()
    except Error as error:
        logger.warning("the upkeep did not reach the database: %s", error)
        connection.close()
    except Exception:
        logger.exception("a part of the upkeep failed; it is tried again")
    return None
