"""The engine inside one process: its event loop, executor, lease and sweeper, shared by all its runs."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import uvloop
from django.db import Error, connection, connections

from . import sessions, signals, sweep, telemetry
from .executor import Executor
from .group_commit import GroupCommit
from .lease import Lease
from .line import claims
from .reading import progress
from .records import Claimed

logger = logging.getLogger("flowapp.engine")


class EngineProcess:
    """Executes runs in this process. `claim` takes ready ones; `drive` executes one until it suspends or ends."""

    def __init__(self, kind: str, *, concurrency: int, queues: Sequence[str] = ()) -> None:
        sessions.name_ours()
        self.queues = list(queues)
        self.concurrency = concurrency
        self.stopping = threading.Event()
        self._suspects = True  # looked for once a sweep: they are few, and claims many
        self._loop = uvloop.new_event_loop()  # spends a tenth less on a step than asyncio's own
        self._steps = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="flowapp-step")
        # One thread, so that claiming costs the process one connection.
        self._claims = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flowapp-claim")
        self._loop_thread = threading.Thread(target=self._loop.run_forever, name="flowapp-loop", daemon=True)
        self._loop_thread.start()
        self._commits = GroupCommit(self._loop)
        self._executor = Executor(self._loop, self._commits, self._run_sync)
        self._lease = Lease(kind, self.queues, concurrency, lost=self._drop_all, maps=self._maps)
        self._lease.start()
        self._sweeper = threading.Thread(target=self._sweep, name="flowapp-sweep", daemon=True)
        signals.nudged.connect(self._on_nudge, weak=False)

    def start_sweeping(self, ring: Callable[[], None]) -> None:
        """Begin to sweep; each round also rings the dispatcher's bell, in case a message was lost."""
        self._ring = ring
        self._sweeper.start()

    @property
    def active(self) -> int:
        """How many runs this process drives now."""
        return len(self._executor.drivers)

    def claim(self, limit: int) -> list[Claimed]:
        """Take up to `limit` ready runs."""
        return self._claims.submit(self._claim, limit).result()

    def drive(self, claimed: Claimed) -> Future[None]:
        """Execute a claimed run until it suspends, ends or is lost."""
        over: Future[None] = Future()
        self._loop.call_soon_threadsafe(self._accept, claimed, over)
        return over

    def stop(self) -> None:
        """Let running steps go: their runs continue elsewhere, at once."""
        self.stopping.set()
        signals.nudged.disconnect(self._on_nudge)
        self._loop.call_soon_threadsafe(self._executor.abandon_all)
        if self._sweeper.is_alive() and self._sweeper is not threading.current_thread():
            self._sweeper.join(timeout=5)
        self._claims.submit(connections.close_all)
        self._claims.shutdown(wait=True)
        self._commits.stop()
        self._lease.stop()
        self._give_back()
        self._steps.shutdown(wait=False, cancel_futures=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop_thread.join(timeout=5)
        if not self._loop_thread.is_alive():
            self._loop.close()

    def _accept(self, claimed: Claimed, over: Future[None]) -> None:
        self._executor.accept(claimed, finished=lambda: over.set_result(None) if not over.done() else None)

    def _claim(self, limit: int) -> list[Claimed]:
        try:
            suspects, self._suspects = self._suspects, False
            claimed = claims.claim(self._lease.worker_id, self.queues, limit, suspects=suspects)
            if telemetry.observers and claimed:
                telemetry.claimed(len(claimed))
            return claimed
        except Error as error:
            logger.warning("no run could be claimed: %s", error)
            connection.close()
            return []

    def _run_sync[T](self, function: Callable[[], T]) -> Awaitable[T]:
        return self._loop.run_in_executor(self._steps, _closing_connections, function)

    def _give_back(self) -> None:
        try:
            claims.give_back(self._lease.worker_id)
        except Error as error:
            logger.warning("the runs of this worker could not be given back; its lease runs out instead: %s", error)

    def _maps(self) -> dict[str, Any]:
        return progress.told({driver.run.id: driver.runtime.maps for driver in list(self._executor.drivers.values())})

    def _drop_all(self) -> None:
        self._loop.call_soon_threadsafe(self._executor.abandon_all)

    def _on_nudge(self, sender: object, *, run_id: UUID, **_: Any) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._executor.nudge, run_id)

    def _sweep(self) -> None:
        with contextlib.ExitStack() as beside:
            beside.callback(connection.close)
            for companion in sweep.companions:
                beside.enter_context(companion())
            while not self.stopping.wait(sweep.INTERVAL):
                self._sweep_once()

    def _sweep_once(self) -> None:
        try:
            with sweep.impatient():
                sweep.sweep()
            self._suspects = claims.suspects_ready(self.queues)
            held = set(self._executor.drivers)
            if held:
                for run_id in {
                    *sweep.nudged_runs(self._lease.worker_id),
                    *sweep.lost_runs(self._lease.worker_id, held),
                }:
                    self._on_nudge(None, run_id=run_id)
            sweep.release_unheld_runs(self._lease.worker_id, held)
            self._ring()
        except Error as error:
            logger.warning("the sweep did not reach the database: %s", error)
            connection.close()
        except Exception:
            logger.exception("a sweep failed; the next one tries again")


def _closing_connections[T](function: Callable[[], T]) -> T:
    """Run a sync step and give back the connections it opened in this thread."""
    try:
        return function()
    finally:
        connections.close_all()
