"""What came of a trial: its report, and whether it was hard enough to mean anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.torture.figures import Figures
from tests.torture.recovery import SHARE, Recoveries, at_share
from tests.torture.terms import BLIND, BROKEN, CONTROLS, HELD, INVALID

# What a full trial must have done to mean anything; a shorter one in proportion to its time after the warm-up.
FULL_SECONDS, KILLS, ZOMBIES, RECOVERIES, ANSWERED = 210.0, 200, 30, 200, 0.95
WARM_UP = 10.0  # seconds
UNPROVOKED = 0.1  # so many of the leases that ran out may have done so by themselves
ACKNOWLEDGE = 0.8  # of a control's workers say that it is in place; some die before they can
MET_BY = 2  # of them, at least, met it


@dataclass
class Verdict:
    """What came of it."""

    seed: int
    without: str
    seconds: float
    findings: dict[str, list[str]]
    figures: Figures
    faults: Mapping[str, int]
    runs: Counter[str]
    calls: int
    errors: int
    retried: int
    recoveries: Recoveries
    in_flight: int
    extra: int
    leases: int
    unprovoked: int
    acknowledged: Counter[str] = field(default_factory=Counter)  # what the processes of a control said
    spawned: int = 0
    weak: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """The oracles that found something."""
        return [name for name, found in self.findings.items() if found]

    @property
    def code(self) -> int:
        """The exit code: of a trial, or of a control."""
        if self.without:
            return BLIND if self.blindness else BROKEN
        if self.broken:
            return BROKEN
        return INVALID if self.weak else HELD

    @property
    def blindness(self) -> list[str]:
        """Why this control shows nothing."""
        if not self.without:
            return []
        wrong = []
        in_place, met = self.acknowledged["in place"], self.acknowledged["met"]
        if in_place < ACKNOWLEDGE * self.spawned:
            wrong.append(f"only {in_place} of {self.spawned} processes said that the {self.without} is out")
        if met < (1 if self.without == "decision" else MET_BY):  # prompts are decided in the torture's own process
            wrong.append(f"only {met} processes did anything without the {self.without}")
        if not self.findings[CONTROLS[self.without]]:
            wrong.append(f"the oracle {CONTROLS[self.without]!r}, which has to notice, found nothing")
        return wrong

    def text(self) -> str:
        """The report."""
        figures = self.figures
        lines = [
            f"torture: seed {self.seed}, {self.seconds:.0f} s" + (f", without the {self.without}" * bool(self.without)),
            "  faults: " + ", ".join(f"{what} {count}" for what, count in self.faults.items()),
            f"  runs: {', '.join(f'{status} {count}' for status, count in sorted(self.runs.items()))}",
            f"  put aside though innocent, and let go by a person: {self.retried}",
            f"  calls: {self.calls}, {self.errors} without an answer",
            f"  effects: {figures.effects}, {figures.repeated} of them more than once",
            f"  attempts made again: {self.extra}; steps in flight when a process was harmed: {self.in_flight}",
            f"  kills inside a step: {figures.kills_inside_a_step}; zombies awake: {figures.zombies_awake}",
            f"  leases that ran out: {self.leases}, of them without a fault: {self.unprovoked}",
            *self._recoveries(),
        ]
        for name, found in self.findings.items():
            lines.append(f"  {name}: {len(found)}")
            lines += [f"    {one}" for one in found[:8]]
        lines += [f"  INVALID: {reason}" for reason in self.weak]
        lines += [f"  BLIND: {reason}" for reason in self.blindness]
        if self.without:
            told = ", ".join(f"{what} in {count} processes" for what, count in sorted(self.acknowledged.items()))
            lines.append(f"  the {self.without} is out: {told or 'nobody said so'}; of {self.spawned}")
        return "\n".join(lines)

    def _recoveries(self) -> list[str]:
        plain, suspects = self.recoveries.plain, self.recoveries.suspects
        p50, p99 = at_share(plain, 0.5), at_share(plain, SHARE)
        limit = f"lease + sweep + 1 s = {self.recoveries.limit:.1f} s"
        lines = [f"  recovery: p50 {p50:.1f} s, p99 {p99:.1f} s of {len(plain)}; the limit is {limit}"]
        if suspects:
            slowest, allowed = suspects[-1]
            share = max(took / limit for took, limit in suspects)
            lines.append(
                f"  of {len(suspects)} suspects: at most {slowest:.1f} s, where {allowed:.1f} s are allowed; "
                f"the nearest to its limit took {share:.0%} of it"
            )
        return lines

    def judge_its_weight(self) -> None:
        """Note why it means nothing, if so. A control needs no weight: its oracle fires or does not."""
        if self.without:
            return
        self.weak = too_few(self.figures, len(self.recoveries.plain), self.seconds)
        answered = 1 - self.errors / max(1, self.calls)
        if answered < ANSWERED:
            self.weak.append(f"only {answered:.1%} of the calls were answered; {ANSWERED:.0%} are needed")
        if self.unprovoked > max(3.0, UNPROVOKED * self.leases):
            self.weak.append(f"{self.unprovoked} leases ran out by themselves: this machine is too busy for a verdict")


def too_few(figures: Figures, recoveries: int, seconds: float) -> list[str]:
    """Which faults there were too few of, for a trial of this length."""
    share = _share(seconds)
    kills, zombies = figures.kills_inside_a_step, figures.zombies_awake
    weak = []
    if kills < KILLS * share:
        weak.append(f"only {kills} kills inside a step; {KILLS * share:.0f} are needed")
    if zombies < ZOMBIES * share:
        weak.append(f"only {zombies} zombies woke up; {ZOMBIES * share:.0f} are needed")
    if recoveries < RECOVERIES * share:
        weak.append(f"only {recoveries} recoveries while the database was there; {RECOVERIES * share:.0f} are needed")
    return weak


def _share(seconds: float) -> float:
    return min(1.0, max(0.0, seconds - WARM_UP) / (FULL_SECONDS - WARM_UP))
