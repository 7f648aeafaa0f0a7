"""What is tortured: PostgreSQL, Redis, the ledger, and a handful of workers that come and go."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests import servers
from tests.process import ledger

# The population: two kinds of Celery worker, and the embedded one.
KINDS = ("threads", "threads", "prefork", "embedded", "embedded")


@dataclass(slots=True)
class Worker:
    """A worker process, leader of its own group."""

    kind: str
    pid: int
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Harm:
    """Something done to the installation: to one process, or (pid 0) to what they all use."""

    what: str
    pid: int
    at: float
    until: float


@dataclass
class Cluster:
    """The running installation, and what was done to it."""

    folder: Path
    ledger: ledger.Ledger
    postgres: servers.Postgres
    redis: servers.Redis
    database_url: str
    random: random.Random
    without: str
    code: int = 1
    workers: list[Worker] = field(default_factory=list)
    harms: list[Harm] = field(default_factory=list)
    spawned: int = 0
    _looked: float = 0.0
    _children: set[int] = field(default_factory=set)
    _nursery: subprocess.Popen[str] | None = None

    def start_nursery(self) -> None:
        """Start the parent of all workers, in the environment of this process."""
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def spawn(self, kind: str) -> Worker:
        """Start a worker; two of three believe that it is an hour earlier or later."""
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        order = {
            "kind": kind,
            "code": self.code,
            "clock_offset": self.random.choice((-3600.0, 0.0, 3600.0)),
            "without": self.without,
            "log": str(self.folder / "workers.log"),
        }
        self._nursery.stdin.write(json.dumps(order) + "\n")
        self._nursery.stdin.flush()
        worker = Worker(kind, int(self._nursery.stdout.readline()))
        self.workers.append(worker)
        self.spawned += 1
        return worker

    def hurt(self, what: str, pid: int, began: float | None = None) -> None:
        """Note what was done."""
        now = time.time()
        self.harms.append(Harm(what, pid, began or now, now))

    def kill(self, worker: Worker) -> None:
        """SIGKILL to a worker's whole group."""
        pids, began = (*self.children(worker), worker.pid), time.time()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        for pid in pids:
            self.hurt("kill", pid, began)
        self.workers.remove(worker)

    def children(self, worker: Worker) -> list[int]:
        """The processes in which a Celery worker of the prefork kind executes runs."""
        with contextlib.suppress(FileNotFoundError):
            return [int(pid) for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()]
        return []

    def alive(self, worker: Worker) -> bool:
        """Whether it still exists (a run may have taken it down)."""
        with contextlib.suppress(FileNotFoundError):
            return Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False

    def replace_dead(self) -> None:
        """Keep the population complete, and note who died without being killed from here (a run can do that)."""
        living = {pid for worker in self.workers for pid in self.children(worker)}
        for pid in self._children - living:
            self.hurt("died", pid, self._looked)
        self._children = living
        looked, self._looked = self._looked, time.time()
        for worker in list(self.workers):
            if not worker.stopped and not self.alive(worker):
                self.hurt("died", worker.pid, looked)
                self.workers.remove(worker)
        missing = list(KINDS)
        for worker in self.workers:
            missing.remove(worker.kind)
        for kind in missing:
            self.spawn(kind)

    def stop(self) -> None:
        """End all workers."""
        for worker in list(self.workers):
            self.kill(worker)
        if self._nursery is not None:
            self._nursery.kill()
            self._nursery.wait()

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """One statement on a connection of its own."""
        with psycopg.connect(self.database_url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def running(folder: Path, seed: int, without: str) -> Iterator[Cluster]:
    """Servers of its own, which it may kill."""
    with servers.new_postgres() as postgres, servers.new_redis() as redis, ledger.running(folder) as outside:
        database_url = postgres.new_database()
        cluster = Cluster(folder, outside, postgres, redis, database_url, random.Random(seed), without)
        try:
            yield cluster
        finally:
            cluster.stop()
