"""A real Celery worker on Redis in this process, shared by all cases of a test run; each case gives it an engine.

The consumer, its connection and its threads live on. The engine, with its lease and its sweeper, is the case's own, as
the tables are emptied after it; a doorbell that is heard between two cases is thrown away.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest import mock

import redis
from celery.exceptions import Ignore
from celery.worker import WorkController

from flowapp.dispatch import celery
from flowapp.engine import process, signals
from flowapp.engine.lease import Lease
from flowapp.engine.process import EngineProcess

CONCURRENCY = 4
QUEUES = ("default", "elsewhere")
PATIENCE = 20.0


class CeleryWorker:
    """The worker, which serves every queue that the cases use; its engine claims from those it is told."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._engine: EngineProcess | None = None
        celery.app.conf.update(broker_url=broker_url, broker_read_url=broker_url, broker_write_url=broker_url)
        self._ready = threading.Event()
        self._worker = WorkController(
            app=celery.app,
            ready_callback=lambda _: self._ready.set(),
            pool_cls="threads",
            concurrency=CONCURRENCY,
            queues=",".join(QUEUES),
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._thread = threading.Thread(target=self._worker.start, name="celery-worker", daemon=True)

    @contextmanager
    def living(self) -> Iterator[CeleryWorker]:
        """Within this block the worker takes messages."""
        with mock.patch.object(celery, "_engine", self._present):
            self._thread.start()
            assert self._ready.wait(PATIENCE), "the Celery worker did not start"
            yield self
            self._worker.stop()
            self._thread.join(PATIENCE)
            celery.app.close()

    @contextmanager
    def executing(self, *, lease_seconds: float) -> Iterator[None]:
        """Within this block it executes what lies on the default queue."""
        self._forget_messages()
        with mock.patch.object(process, "Lease", partial(Lease, seconds=lease_seconds)):
            self._engine = engine = EngineProcess("celery", concurrency=CONCURRENCY, queues=["default"])
        signals.ready.connect(celery._on_ready)
        engine.start_sweeping(lambda: celery._ring_if_ready(engine.queues))
        try:
            yield
        finally:
            signals.ready.disconnect(celery._on_ready)
            self._engine = None
            engine.stop()
            self._forget_messages()

    @contextmanager
    def serving(self, queue: str) -> Iterator[None]:
        """Within this block it executes what lies on another queue as well."""
        assert self._engine is not None
        self._engine.queues.append(queue)
        celery._ring_if_ready([queue])
        try:
            yield
        finally:
            self._engine.queues.remove(queue)

    def _present(self) -> EngineProcess:
        if self._engine is None:
            raise Ignore
        return self._engine

    def _forget_messages(self) -> None:
        with redis.Redis.from_url(self._broker_url) as client:
            client.delete(*QUEUES)
