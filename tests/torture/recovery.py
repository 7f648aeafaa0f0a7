"""Watches how long the runs of a killed process stay nobody's: from the kill until another worker has claimed them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from tests.torture.cluster import Cluster, Harm
from tests.torture.terms import LEASE_SECONDS, SWEEP_SECONDS

LIMIT_SECONDS = LEASE_SECONDS + SWEEP_SECONDS + 1.0
_LOOK_EVERY = 0.1  # seconds
SUSPECT_CLAIMS = 2  # as in flowapp.engine.line.claims, which needs Django set up
_HELD = """
    SELECT run.id, run.fence, run.claims FROM engine_run run JOIN engine_worker worker ON worker.id = run.worker_id
    WHERE run.status = 'running' AND worker.pid = ANY(%s)"""
# Taking a run away raises its fence, and so does claiming it.
_TAKEN = """
    SELECT run.id FROM engine_run run JOIN unnest(%s::uuid[], %s::bigint[]) AS lost (id, fence) ON lost.id = run.id
    WHERE run.fence >= lost.fence + 2 OR run.status NOT IN ('running', 'queued')"""


class Recoveries:
    """Looks into the database every tenth of a second, from a thread of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lost: dict[UUID, tuple[int, int, float]] = {}
        self._times: list[tuple[float, float, bool]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def seconds(self, harms: Sequence[Harm], *, suspects: bool) -> list[float]:
        """How long each took, but for those in the middle of which the database was away.

        Suspects, which died with two workers in a row, are let run one at a time a worker, and so wait on purpose.
        """
        away = [(harm.at, harm.until) for harm in harms if harm.pid == 0]
        calm = [
            (killed, taken)
            for killed, taken, suspect in self._times
            if suspect == suspects and not any(began < taken + 1 and ended > killed - 1 for began, ended in away)
        ]
        return sorted(taken - killed for killed, taken in calm)

    def _watch(self) -> None:
        seen = 0
        while not self._over.wait(_LOOK_EVERY):
            with (
                contextlib.suppress(psycopg.Error),
                psycopg.connect(self._cluster.database_url, autocommit=True, connect_timeout=5) as connection,
            ):
                while not self._over.wait(_LOOK_EVERY):
                    seen = self._look(connection, seen)

    def _look(self, connection: psycopg.Connection[tuple[Any, ...]], seen: int) -> int:
        new = [harm for harm in self._cluster.harms[seen:] if harm.what == "kill"]
        if new:
            held = connection.execute(_HELD, [[harm.pid for harm in new]]).fetchall()
            # Killed again before it was claimed: counted from the last kill.
            self._lost |= {run_id: (fence, claims, new[-1].at) for run_id, fence, claims in held}
        if self._lost:
            fences = [fence for fence, _, _ in self._lost.values()]
            now = time.time()
            for run_id, *_ in connection.execute(_TAKEN, [list(self._lost), fences]).fetchall():
                _, claims, killed = self._lost.pop(run_id)
                self._times.append((killed, now, claims >= SUSPECT_CLAIMS))
        return len(self._cluster.harms)
