"""A worker's lease: one row a process, renewed by a thread of its own. A lease that ran out never revives."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import Error, connection

from flowapp.tenancy.ids import uuid7

from . import clock, registry, sessions
from .models import Worker

logger = logging.getLogger("flowapp.engine")
LEASE_SECONDS = 15.0

_of_this_process: set[UUID] = set()


def _known() -> list[str]:
    """The workflows that this process has code for."""
    return sorted(registry.label(*one) for one in registry.known())


class Lease:
    """Keeps this process registered; calls `lost` when the lease ran out, and then registers anew under a new id."""

    def __init__(
        self,
        kind: str,
        queues: Sequence[str],
        concurrency: int,
        lost: Callable[[], None],
        seconds: float = LEASE_SECONDS,
        maps: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._facts = {"kind": kind, "queues": list(queues), "concurrency": concurrency}
        self._lost = lost
        self._maps = maps  # what each heartbeat tells of them (reading/progress.py)
        self._seconds = seconds
        self._stop = threading.Event()
        self._knows: list[str] = []
        self.worker_id = self._register()
        self._thread = threading.Thread(target=self._keep, name="flowapp-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to send heartbeats."""
        self._thread.start()

    def stop(self) -> None:
        """Give the lease back, so that what this worker held is free at once."""
        self._stop.set()
        self._thread.join(timeout=5)
        _of_this_process.discard(self.worker_id)
        over = clock.now() - timedelta(seconds=1)
        Worker.objects.filter(id=self.worker_id).update(lease_until=over, token="")

    def renew(self) -> bool:
        """Extend the lease; False when it had run out or was taken away."""
        synchronise()
        now = clock.now()
        until = now + timedelta(seconds=self._seconds)
        mine = Worker.objects.filter(id=self.worker_id, lease_until__gt=now)
        knows = _known()
        news = {} if knows == self._knows else {"knows": knows}
        renewed = mine.update(heartbeat_at=now, lease_until=until, maps=self._maps(), **news)
        self._knows = knows
        return bool(renewed)

    def _register(self) -> UUID:
        synchronise()
        now = clock.now()
        self._knows = _known()
        worker = Worker.objects.create(
            id=uuid7(),
            host=socket.gethostname(),
            pid=os.getpid(),
            token=sessions.token(),
            started_at=now,
            heartbeat_at=now,
            lease_until=now + timedelta(seconds=self._seconds),
            **self._facts,
            knows=self._knows,
        )
        _of_this_process.add(worker.id)
        expire_dead_neighbours(worker)
        return worker.id

    def _keep(self) -> None:
        try:
            while not self._stop.wait(self._seconds / 3):
                self._beat()
        finally:
            connection.close()

    def _beat(self) -> None:
        try:
            if not self.renew():
                logger.warning("the lease of this worker ran out; its runs are dropped here and it registers anew")
                _of_this_process.discard(self.worker_id)
                self.worker_id = self._register()
                self._lost()
        except Error as error:
            logger.warning("the heartbeat did not reach the database: %s", error)
            connection.close()


def of_this_process() -> frozenset[UUID]:
    """The ids of the workers in this process."""
    return frozenset(_of_this_process)


def synchronise() -> None:
    """Anchor the clock on PostgreSQL's; SQLite runs in this very process and shares its clock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            clock.sync(cursor.fetchone()[0])


def expire_dead_neighbours(worker: Worker) -> None:
    """End the leases of workers that are known to be dead: another process of this host that is gone, or, with
    SQLite (one process by design), any other. Waiting for their leases would only delay the recovery."""
    now = clock.now()
    others = Worker.objects.filter(lease_until__gt=now).exclude(id__in=_of_this_process)
    if connection.vendor == "postgresql":
        neighbours = others.filter(host=worker.host)
        dead = [other.id for other in neighbours if other.pid == worker.pid or not _alive(other.pid)]
        others = Worker.objects.filter(id__in=dead)
    others.update(lease_until=now - timedelta(seconds=1))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
