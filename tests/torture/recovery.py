"""How long the runs of a harmed process stay nobody's, and which runs were put aside: from what the database saw."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.torture.cluster import KINDS
from tests.torture.harms import DEADLY, Harms
from tests.torture.terms import LEASE_SECONDS, SWEEP_SECONDS
from tests.torture.witness import Turn

LIMIT_SECONDS = LEASE_SECONDS + SWEEP_SECONDS + 1.0
SUSPECT_CLAIMS = 2  # as in flowapp.engine.line.claims, which needs Django set up
# A worker holds one suspect at a time, until it suspends or ends: none of the workload's runs stays in memory longer.
STRETCH_SECONDS = 4.0
SHARE = 0.99
INNOCENT_SHARE = 0.1  # of the runs may be put aside though innocent; kills come faster than progress on a busy machine


@dataclass(frozen=True, slots=True)
class Recovery:
    """A run between the harm to its process and its next owner."""

    run_id: UUID
    harmed: float
    lost: float
    taken: float
    suspect: bool

    @property
    def seconds(self) -> float:
        return self.taken - self.harmed


@dataclass
class Recoveries:
    """Those of the runs that a harmed process held, but for those in the middle of which the database was away."""

    turns: dict[UUID, list[Turn]]
    harms: Harms
    busy: float = 0.0  # seconds more, on a machine that has other things to do
    plain: list[float] = field(default_factory=list)
    suspects: list[tuple[float, float]] = field(default_factory=list)  # and the limit of each

    def __post_init__(self) -> None:
        found = [one for turns in self.turns.values() for one in self._of(turns)]
        calm = [one for one in found if not self.harms.of_database(one.harmed - 1, one.taken + 1)]
        waiting = [one for one in found if one.suspect]
        self.plain = sorted(one.seconds for one in calm if not one.suspect)
        self.suspects = sorted((one.seconds, self._limit(one, waiting)) for one in calm if one.suspect)

    @property
    def limit(self) -> float:
        return LIMIT_SECONDS + self.busy

    def slow(self) -> Iterator[str]:
        """What the promise does not allow."""
        if self.plain and (p99 := at_share(self.plain, SHARE)) > self.limit:
            yield f"99 of 100 runs were recovered within {p99:.1f} s, not {self.limit:.1f} s"
        over = [one for one in self.suspects if one[0] > one[1]]
        if len(over) > (1 - SHARE) * len(self.suspects):
            worst = ", ".join(f"{took:.1f} s, not {limit:.1f} s" for took, limit in over[:5])
            yield f"{len(over)} of {len(self.suspects)} suspects were recovered too late: {worst}"

    def _of(self, turns: Sequence[Turn]) -> Iterator[Recovery]:
        """Each time this run was taken from its owner because that was harmed."""
        claimed = 0.0
        for turn, following in itertools.pairwise(turns):
            if turn.status == "running":
                claimed = turn.at
            if not is_loss(turn, self.harms) or following.status != "running" or turn.status != "queued":
                continue
            pid = self.harms.pids.get(turn.worker_was) if turn.worker_was else None
            before = [one for one in self.harms.between(pid, claimed, turn.at) if one.at <= turn.at] if pid else []
            harmed = [one for one in before if one.what in (*DEADLY, "zombie")]
            if harmed:
                at = max(min(one.at for one in harmed), claimed)
                yield Recovery(turn.run_id, at, turn.at, following.at, turn.claims >= SUSPECT_CLAIMS)

    def _limit(self, one: Recovery, waiting: Sequence[Recovery]) -> float:
        """A suspect waits for those that workers take before it: each worker one after the other."""
        others = sum(one.lost - STRETCH_SECONDS < other.taken < one.taken for other in waiting)
        return self.limit + math.ceil(others / len(KINDS)) * STRETCH_SECONDS


def is_loss(turn: Turn, harms: Harms) -> bool:
    """Whether a run was taken from its owner: by somebody else, or by its own process after its lease had run out."""
    if turn.was != "running" or not turn.taken or turn.status == "running" or turn.worker_was is None:
        return False
    return turn.writer != harms.pids.get(turn.worker_was) or harms.ran_out(turn.worker_was, turn.at)


def quarantined(turns: dict[UUID, list[Turn]], harms: Harms, innocent: set[UUID], share: float) -> Iterator[str]:
    """Of the innocent runs that were put aside: without cause, or two at once on a worker, or more than this share."""
    put_aside = [
        turn
        for run_id in innocent
        for turn in turns.get(run_id, ())
        if is_loss(turn, harms) and turn.status == "needs_attention"
    ]
    seen: dict[UUID | None, UUID] = {}
    for turn in put_aside:
        if turn.worker_was in seen:
            both = (seen[turn.worker_was], turn.run_id)
            stories = "; ".join(f"{run_id}: {_story(turns[run_id])}" for run_id in both)
            yield f"two runs were put aside after the end of one worker: {stories}"
        seen[turn.worker_was] = turn.run_id
        losses = [one for one in turns[turn.run_id] if is_loss(one, harms) and one.at <= turn.at][-3:]
        if len(losses) < 3 or not all(_harmed(one, harms) for one in losses):
            yield f"run {turn.run_id} was put aside though its workers were not harmed three times in a row"
    if len(put_aside) > max(3.0, share * len(innocent)):
        yield f"{len(put_aside)} of {len(innocent)} innocent runs were put aside"


def _story(turns: Sequence[Turn]) -> str:
    """The last things that became of a run, with the end of its owner's id."""
    return ", ".join(
        f"{turn.at % 1000:.2f} {turn.status} {str(turn.worker or turn.worker_was)[-6:]} claims {turn.claims}"
        for turn in turns[-6:]
    )


def _harmed(turn: Turn, harms: Harms) -> bool:
    pid = harms.pids.get(turn.worker_was) if turn.worker_was else None
    return pid is not None and any(one.at <= turn.at for one in harms.of[pid])


def at_share(times: Sequence[float], share: float) -> float:
    """The time within which this share of them was."""
    return sorted(times)[math.ceil(share * len(times)) - 1] if times else 0.0
