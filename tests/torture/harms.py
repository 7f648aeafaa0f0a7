"""What was done to each process, and when: by the torture, by runs to their own workers, by leases that ran out."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.process.ledger import Effect
from tests.torture.cluster import Harm
from tests.torture.terms import LEASE_SECONDS

NOTICES = 1.0  # seconds after which a process that lost its lease has dropped its runs
AROUND = 0.2  # seconds between a fault and the note of it
DEADLY = ("kill", "died", "suicide")
SUICIDE = ":kill_my_worker:"  # a step that takes its process down


@dataclass(frozen=True, slots=True)
class Registered:
    """A worker's row: one life of a process under one lease."""

    id: UUID
    pid: int
    began: float
    lease_until: float


@dataclass
class Harms:
    """All of it, by process."""

    done: Sequence[Harm]
    ledger: Sequence[Effect]
    workers: Sequence[Registered]
    of: dict[int, list[Harm]] = field(default_factory=lambda: defaultdict(list))
    to_all: list[Harm] = field(default_factory=list)
    lost_leases: list[Harm] = field(default_factory=list)
    pids: dict[UUID, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pids = {worker.id: worker.pid for worker in self.workers}
        self.lost_leases = list(_lost_leases(self.workers))
        suicides = [
            Harm("suicide", one.pid, one.at, one.at) for one in self.ledger if one.begins and SUICIDE in one.key
        ]
        for harm in (*self.done, *suicides, *self.lost_leases):
            if harm.pid:
                self.of[harm.pid].append(harm)
            else:
                self.to_all.append(harm)

    def between(self, pid: int, begin: float, end: float) -> list[Harm]:
        """What was done to this process itself in that time."""
        return [harm for harm in self.of[pid] if harm.at <= end and harm.until >= begin - AROUND]

    def of_database(self, begin: float, end: float) -> list[Harm]:
        """What was done to the database in that time."""
        return [harm for harm in self.to_all if harm.at <= end + AROUND and harm.until >= begin - AROUND]

    def does_not_know(self, pid: int, at: float) -> bool:
        """Whether this process had lost its runs by then and could not know it yet: a zombie, which the fence stops."""
        return any(harm.at <= at <= harm.until + NOTICES for harm in self.of[pid] if harm.what not in DEADLY)

    def ran_out(self, worker_id: UUID, at: float) -> bool:
        """Whether the lease of this worker was over by then."""
        return any(worker.id == worker_id and worker.lease_until <= at for worker in self.workers)

    def unprovoked(self) -> list[Harm]:
        """Leases that ran out though the process was not stopped nor the database away: the machine was too busy."""
        return [
            lost
            for lost in self.lost_leases
            if not self.of_database(lost.at - LEASE_SECONDS, lost.until)
            and not any(
                harm.what != "lost lease" and harm.at <= lost.until and harm.until >= lost.at - LEASE_SECONDS
                for harm in self.of[lost.pid]
            )
        ]


def _lost_leases(workers: Sequence[Registered]) -> list[Harm]:
    """A process that registers again had lost its lease: from when that ran out until it did."""
    by_pid: dict[int, list[Registered]] = defaultdict(list)
    for worker in sorted(workers, key=lambda worker: worker.began):
        by_pid[worker.pid].append(worker)
    found = []
    for lives in by_pid.values():
        for one, following in itertools.pairwise(lives):
            found.append(Harm("lost lease", one.pid, min(one.lease_until, following.began), following.began))
    return found


def registered(rows: Sequence[tuple[Any, ...]]) -> list[Registered]:
    """Of the rows (id, pid, started_at, lease_until)."""
    return [Registered(id_, pid, began.timestamp(), until.timestamp()) for id_, pid, began, until in rows]
