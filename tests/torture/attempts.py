"""Which attempts the faults explain: a step may begin again only if it was in flight when its process was harmed.

A process that lost its lease unawares (stopped, or cut off from the database) is a zombie: until it notices it may
begin what others began, and the fence keeps that from counting. Such beginnings stand outside the chain of attempts.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.process.ledger import Effect
from tests.torture.cluster import Harm
from tests.torture.harms import AROUND, Harms
from tests.torture.witness import Stored

ATOMIC = ":insert:"  # its transaction may be rolled back by the database, and is then tried again in its place
ONCE = ":once:"
CLOCK_ERROR = 0.005  # seconds between two readings of one clock through different programs


@dataclass(frozen=True, slots=True)
class Begin:
    """One beginning of a step."""

    key: str
    number: int  # the attempt, as the step itself was told
    pid: int
    at: float


@dataclass
class Attempts:
    """Every beginning of every step, in order."""

    ledger: Sequence[Effect]
    harms: Harms
    stored: Sequence[Stored]

    @cached_property
    def begins(self) -> dict[str, list[Begin]]:
        """By key, in the order of time."""
        found: dict[str, list[Begin]] = defaultdict(list)
        for one in self.ledger:
            if one.begins:
                found[one.key].append(Begin(one.key, one.what["attempt"], one.pid, one.at))
        return found

    @cached_property
    def committed(self) -> dict[str, float]:
        """When the checkpoint of a step was stored."""
        return {one.key: one.at for one in self.stored}

    @cached_property
    def chains(self) -> dict[str, list[Begin]]:
        """The same without those of zombies."""
        return {
            key: [one for one in begins if not self.harms.does_not_know(one.pid, one.at)]
            for key, begins in self.begins.items()
        }

    @cached_property
    def extra(self) -> list[tuple[Begin, Begin]]:
        """Attempts that were made again under their own number: the one that was cut off, and the next one."""
        return [
            (one, following)
            for chain in self.chains.values()
            for one, following in itertools.pairwise(chain)
            if following.number <= one.number
        ]

    def unexplained(self) -> Iterator[str]:
        """Attempts made again though nothing was done to the process that was in the step: each harm cuts off a step
        once."""
        spent: dict[str, set[Harm]] = defaultdict(set)
        for one, following in self.extra:
            if following.number < one.number:
                yield f"{one.key}: attempt {following.number} was made after attempt {one.number}"
            elif not self._cut_off(one, following, spent[one.key]):
                yield f"{one.key}: begun by {one.pid}, to which nothing was done, and {_later(one, following)}"
        for key, begins in self.begins.items():
            if ONCE in key and len(begins) > 1:
                yield f"{key}: an at-most-once step was begun {len(begins)} times"

    def _cut_off(self, one: Begin, following: Begin, spent: set[Harm]) -> bool:
        for harm in self.harms.between(one.pid, one.at, following.at):
            if harm not in spent and self._in_flight(one, harm):
                spent.add(harm)
                return True
        rolled_back = ATOMIC in one.key and one.pid == following.pid
        return rolled_back and bool(self.harms.of_database(one.at, following.at))

    def was_cut_off(self, key: str, end: float) -> bool:
        """Whether the process in which a step began was harmed until then, and its outcome was never stored."""
        begun = self.begins.get(key, [])
        return key not in self.committed and any(self.harms.between(one.pid, one.at, end) for one in begun)

    def after_checkpoint(self) -> Iterator[str]:
        """Steps begun again although their checkpoint was stored."""
        for key, chain in self.chains.items():
            stored = self.committed.get(key)
            for one in chain:
                if stored is not None and one.at > stored + CLOCK_ERROR:
                    yield f"{key}: begun by {one.pid} {one.at - stored:.3f} s after its checkpoint"

    def rolled_back(self, run_id: str) -> int:
        """How often an atomic step of this run was tried again by the process that had tried it."""
        return sum(
            one.pid == following.pid
            for key, begins in self.begins.items()
            if ATOMIC in key and key.startswith(run_id)
            for one, following in itertools.pairwise(begins)
        )

    def in_flight(self) -> int:
        """How many steps were in flight when the process that they ran in was harmed, over all harms."""
        begins = [one for begun in self.begins.values() for one in begun]
        harmed = ((one, harm) for one in begins for harm in self.harms.of[one.pid])
        return len({(one.key, one.pid) for one, harm in harmed if self._in_flight(one, harm)})

    def _in_flight(self, one: Begin, harm: Harm) -> bool:
        stored = self.committed.get(one.key)
        return one.at <= harm.until + AROUND and (stored is None or stored >= harm.at)


def _later(one: Begin, following: Begin) -> str:
    return f"again by {following.pid} {following.at - one.at:.2f} s later"
