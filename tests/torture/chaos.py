"""The faults: which there are, how often each comes, and how it is brought about."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

import psycopg
import redis

from tests.torture.cluster import Cluster, Worker
from tests.torture.terms import LEASE_SECONDS

# How many of a hundred faults are of each kind; a run of any length has each at least once.
SHARES = {
    "kill group": 46,
    "kill child": 16,
    "stop and continue": 20,
    "flush redis": 6,
    "restart redis": 2,
    "terminate backends": 5,
    "lock table": 2,
    "restart postgresql": 2,
    "restart workers": 1,
}
# Seconds asleep: others are just beginning its steps when it wakes up, or have long done so.
ASLEEP = (LEASE_SECONDS + 1.2, LEASE_SECONDS + 3.5)
ASLEEP_UNFENCED = (LEASE_SECONDS + 0.2, LEASE_SECONDS + 1.2)  # when its writes would hurt most
LOCKED = 3.0  # seconds
LOCKABLE = ("engine_run", "engine_checkpoint", "engine_wait", "engine_worker")


class Chaos:
    """Brings about faults in a random order that the seed fixes."""

    def __init__(self, cluster: Cluster, faults: int) -> None:
        self._cluster = cluster
        self._random = cluster.random
        shares = SHARES if cluster.without != "fence" else SHARES | {"stop and continue": 90}
        self.plan = [what for what, share in shares.items() for _ in range(max(1, share * faults // 100))]
        self._random.shuffle(self.plan)
        self.done: dict[str, int] = dict.fromkeys(SHARES, 0)
        self._asleep: list[tuple[float, float, Worker]] = []
        self._locks: list[threading.Thread] = []
        self._verbs: dict[str, Callable[[], None]] = {
            "kill group": self._kill_group,
            "kill child": self._kill_child,
            "stop and continue": self._stop,
            "flush redis": self._flush,
            "restart redis": self._restart_redis,
            "terminate backends": self._terminate,
            "lock table": self._lock,
            "restart postgresql": self._restart_postgresql,
            "restart workers": self.restart_workers,
        }

    def strike(self, number: int) -> None:
        """The next fault."""
        what = self.plan[number % len(self.plan)]
        with contextlib.suppress(psycopg.Error, redis.RedisError):
            self._verbs[what]()
            self.done[what] += 1

    def tend(self) -> None:
        """Wake who slept past the lease, and replace who died."""
        for entry in list(self._asleep):
            wakes_at, began, worker = entry
            if time.time() >= wakes_at:
                self._asleep.remove(entry)
                self._wake(worker, began)
        self._cluster.replace_dead()

    def heal(self) -> None:
        """End all faults."""
        for _, began, worker in self._asleep:
            self._wake(worker, began)
        self._asleep.clear()
        for lock in self._locks:
            lock.join()
        self._cluster.replace_dead()

    def _awake(self, kind: str = "") -> list[Worker]:
        workers = self._cluster.workers
        return [
            one for one in workers if not one.stopped and self._cluster.alive(one) and (not kind or one.kind == kind)
        ]

    def _busy(self, workers: list[Worker]) -> list[Worker]:
        """Those that are inside a step, where it hurts most; all of them when none is."""
        pids = self._cluster.ledger.busy()
        return [one for one in workers if pids & {one.pid, *self._cluster.children(one)}] or workers

    def _kill_group(self) -> None:
        if workers := self._busy(self._awake()):
            self._cluster.kill(self._random.choice(workers))

    def _kill_child(self) -> None:
        """A child process of Celery's; without one, a worker without children."""
        children = [pid for worker in self._awake("prefork") for pid in self._cluster.children(worker)]
        if not children:
            return self._kill_group()
        pid = self._random.choice([pid for pid in children if pid in self._cluster.ledger.busy()] or children)
        began = time.time()
        os.kill(pid, signal.SIGKILL)
        self._cluster.hurt("kill", pid, began)

    def _stop(self) -> None:
        workers = self._awake()
        if len(workers) < 2:
            return
        worker = self._random.choice(self._busy(workers))
        worker.stopped = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGSTOP)
        now = time.time()
        asleep = self._random.uniform(*(ASLEEP_UNFENCED if self._cluster.without == "fence" else ASLEEP))
        self._asleep.append((now + asleep, now, worker))

    def _wake(self, worker: Worker, began: float) -> None:
        worker.stopped = False
        self._slept(worker, began)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGCONT)

    def _slept(self, worker: Worker, began: float) -> None:
        for pid in (worker.pid, *self._cluster.children(worker)):
            self._cluster.hurt("zombie", pid, began)

    def _flush(self) -> None:
        self._cluster.redis.flush()

    def _restart_redis(self) -> None:
        server = self._cluster.redis.server
        assert server is not None
        server.stop()
        time.sleep(1)
        server.start()

    def _terminate(self) -> None:
        began = time.time()
        self._cluster.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.6"
        )
        self._cluster.hurt("terminated backends", 0, began)

    def _lock(self) -> None:
        thread = threading.Thread(target=self._hold_lock, args=(self._random.choice(LOCKABLE),))
        thread.start()
        self._locks.append(thread)

    def _hold_lock(self, table: str) -> None:
        began = time.time()
        with contextlib.suppress(psycopg.Error):
            self._cluster.sql(
                f"DO $$BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep({LOCKED}); END$$"
            )
        self._cluster.hurt("table lock", 0, began)

    def _restart_postgresql(self) -> None:
        """As `pg_ctl restart -m immediate`: no checkpoint, and recovery from the log at the start."""
        server = self._cluster.postgres.server
        assert server is not None
        began = time.time()
        os.kill(server.pid, signal.SIGQUIT)
        server.stop()
        server.start()
        self._cluster.hurt("database restart", 0, began)

    def restart_workers(self) -> None:
        """All at once, those that are stopped as well."""
        for _, began, worker in self._asleep:
            self._slept(worker, began)
        self._asleep.clear()
        for worker in list(self._cluster.workers):
            self._cluster.kill(worker)
