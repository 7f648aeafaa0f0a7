"""One writer thread a process: what queued up while the last commit was under way goes into the next one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from . import signals, store, telemetry
from .records import Outcome, Write

logger = logging.getLogger("flowapp.engine")
BATCH = 512  # writes a transaction
ANNOUNCED_EVERY = 0.05  # seconds; a busy run would be announced with each of its steps, to people who see no more of it
LONGEST_PAUSE = 2.0  # seconds between tries while the database is away

type Done = Callable[[Outcome], None]


class GroupCommit:
    """Commits writes in batches and resolves them on the event loop of the executor."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[tuple[Write, Done]] = deque()
        self._wanted = threading.Condition(threading.Lock())
        self._stopping = False
        self._waking = False
        self._changed: dict[UUID, UUID] = {}  # runs not announced yet, and their workspaces
        self._announced = 0.0
        self._thread = threading.Thread(target=self._run, name="flowapp-commit", daemon=True)
        self._thread.start()

    def submit(self, write: Write, done: Done) -> None:
        """Queue a write, on the loop's thread; `done` is called there once it is committed or refused.

        The writer is woken once a turn of the loop, for all that the turn wrote.
        """
        self._queue.append((write, done))
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._waking = False
        if self._queue:
            with self._wanted:
                self._wanted.notify()

    def stop(self) -> None:
        """Commit what is queued, then end the thread."""
        with self._wanted:
            self._stopping = True
            self._wanted.notify()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            while batch := self._take():
                began = time.monotonic()
                writes = [write for write, _ in batch]
                outcomes = self._commit(writes)
                if telemetry.observers:
                    telemetry.committed(len(batch), time.monotonic() - began)
                with contextlib.suppress(RuntimeError):  # the loop closed: the process is ending
                    self._loop.call_soon_threadsafe(self._resolve, batch, outcomes)
                self._announce(writes)
        finally:
            connection.close()

    def _announce(self, writes: Sequence[Write]) -> None:
        """Say which runs changed: at once when nothing else is to be done, under load all of a while together."""
        for write in writes:
            self._changed[write.run_id] = write.workspace_id
        if self._queue and time.monotonic() - self._announced < ANNOUNCED_EVERY:
            return
        changed, self._changed = self._changed, {}
        for run_id, workspace_id in changed.items():
            signals.announce(workspace_id, "run", str(run_id))
        self._announced = time.monotonic()

    def _take(self) -> list[tuple[Write, Done]]:
        with self._wanted:
            while not self._queue and not self._stopping:
                self._wanted.wait()
            return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _commit(self, writes: list[Write]) -> list[Outcome]:
        """Commit, waiting for a database that is away. Trying again is safe: see store.apply."""
        pause = 0.05
        while True:
            try:
                return store.apply(writes)
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database did not take a commit, trying again: %s", error)
                with contextlib.suppress(Exception):
                    connection.close()
                if self._stopping:
                    return [error] * len(writes)
                time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, no secret
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:
                logger.exception("a commit failed")
                return [error] * len(writes)

    def _resolve(self, batch: list[tuple[Write, Done]], outcomes: list[Outcome]) -> None:
        self._waking = True  # what follows from these outcomes goes into one commit again
        try:
            for (write, done), outcome in zip(batch, outcomes, strict=True):
                try:
                    done(outcome)
                except Exception:  # a run's own faults are its driver's: whatever else it is, its neighbours go on
                    logger.exception("run %s: nobody took in what became of its write", write.run_id)
        finally:
            self._wake()
