"""How hard it was tortured, and how fast it recovered: whether a clean result means anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.process.ledger import Effect
from tests.torture.cluster import Harm
from tests.torture.terms import LEASE_SECONDS, SWEEP_SECONDS

FAILS = ":third_time_lucky:"  # it ends without an effect, so nobody can tell whether it was inside
RECOVERY_SECONDS = LEASE_SECONDS + SWEEP_SECONDS + 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Counted after the fact, from the ledger."""

    effects: int
    repeated: int
    kills_inside_a_step: int
    zombies_awake: int
    recoveries: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """Seconds from a kill until the step it cut off began again; 0 when there was none."""
        times = sorted(self.recoveries)
        return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


def measure(ledger: Sequence[Effect], harms: Sequence[Harm], held_up: Collection[str]) -> Figures:
    """Only what the ledger saw counts: a kill inside a step is one after a step's beginning and before its effect.

    The recovery of runs that were `held_up` until a person let them go on is no measure of the engine's.
    """
    begun: dict[str, list[Effect]] = defaultdict(list)
    by_pid: dict[int, dict[str, Effect]] = defaultdict(dict)
    effects: dict[str, list[Effect]] = defaultdict(list)
    for effect in ledger:
        if not effect.begins:
            effects[effect.key].append(effect)
        elif FAILS not in effect.key:
            begun[effect.key].append(effect)
            by_pid[effect.pid][effect.key] = effect
    kills, recoveries = 0, []
    for harm in harms:
        if harm.what == "kill":
            cut_off = [key for key in by_pid[harm.pid] if _is_inside(harm, begun[key], effects[key])]
            kills += bool(cut_off)
            if not _disturbed(harms, harm):
                counted = [key for key in cut_off if key.partition(":")[0] not in held_up]
                recoveries += [again - harm.at for key in counted if (again := _again(begun[key], harm))]
    return Figures(
        effects=len(effects),
        repeated=sum(len(arrived) - 1 for arrived in effects.values()),
        kills_inside_a_step=kills,
        zombies_awake=_zombies(harms, by_pid, begun),
        recoveries=tuple(recoveries),
    )


def _is_inside(harm: Harm, begun: Sequence[Effect], effects: Sequence[Effect]) -> bool:
    """Whether the process was the last to begin this step, and its effect had not come."""
    before = [one for one in begun if one.at < harm.at]
    return bool(before) and before[-1].pid == harm.pid and not any(one.at < harm.at for one in effects)


def _again(attempts: Sequence[Effect], harm: Harm) -> float | None:
    """When the step began in another process after the kill."""
    return next((one.at for one in attempts if one.at > harm.at and one.pid != harm.pid), None)


def _disturbed(harms: Sequence[Harm], harm: Harm) -> bool:
    """Whether the database was away while this kill was to be recovered from."""
    return any(one.pid == 0 and one.at < harm.at + RECOVERY_SECONDS and one.until > harm.at - 1 for one in harms)


def _zombies(harms: Sequence[Harm], by_pid: dict[int, dict[str, Effect]], begun: dict[str, list[Effect]]) -> int:
    """How many stopped processes woke to find a step of theirs begun by another."""
    return sum(
        any(
            mine.at < harm.at and any(harm.at < other.at < harm.until and other.pid != harm.pid for other in begun[key])
            for key, mine in by_pid[harm.pid].items()
        )
        for harm in harms
        if harm.what == "zombie"
    )
