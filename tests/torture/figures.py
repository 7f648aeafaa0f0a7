"""How hard it was tortured, counted from the ledger: whether a clean result means anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.process.ledger import Effect
from tests.torture.cluster import Harm
from tests.torture.terms import ACKNOWLEDGED

FAILS = ":third_time_lucky:"  # it ends without an effect, so nobody can tell whether it was inside


@dataclass(frozen=True, slots=True)
class Figures:
    """Counted after the fact, from the ledger."""

    effects: int
    repeated: int
    kills_inside_a_step: int
    zombies_awake: int


def measure(ledger: Sequence[Effect], harms: Sequence[Harm]) -> Figures:
    """Only what the ledger saw counts: a kill inside a step is one after a step's beginning and before its effect."""
    begun: dict[str, list[Effect]] = defaultdict(list)
    by_pid: dict[int, dict[str, Effect]] = defaultdict(dict)
    effects: dict[str, list[Effect]] = defaultdict(list)
    for effect in ledger:
        if effect.key.startswith(ACKNOWLEDGED):
            continue
        if not effect.begins:
            effects[effect.key].append(effect)
        elif FAILS not in effect.key:
            begun[effect.key].append(effect)
            by_pid[effect.pid][effect.key] = effect
    kills = 0
    for harm in harms:
        if harm.what == "kill":
            kills += any(_is_inside(harm, begun[key], effects.get(key, ())) for key in by_pid[harm.pid])
    return Figures(
        effects=len(effects),
        repeated=sum(len(arrived) - 1 for arrived in effects.values()),
        kills_inside_a_step=kills,
        zombies_awake=_zombies(harms, by_pid, begun),
    )


def _is_inside(harm: Harm, begun: Sequence[Effect], effects: Sequence[Effect]) -> bool:
    """Whether the process was the last to begin this step, and its effect had not come."""
    before = [one for one in begun if one.at < harm.at]
    return bool(before) and before[-1].pid == harm.pid and not any(one.at < harm.at for one in effects)


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
