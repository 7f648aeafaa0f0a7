"""The numbers of the table: samples with their median and spread, goals, and rows."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Samples:
    """One figure measured in several rounds."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        spread = f" ({_short(min(self.values))}-{_short(max(self.values))})" if len(self.values) > 1 else ""
        return f"{_short(self.median)}{spread} {self.unit}"


@dataclass(frozen=True)
class Goal:
    """What a ratio or a figure must reach, and what it should: `at_most` turns the comparison round."""

    least: float
    aim: float
    unit: str
    at_most: bool = False

    def verdict(self, value: float) -> str:
        if self._reached(value, self.aim):
            return "aim"
        return "yes" if self._reached(value, self.least) else "NO"

    def _reached(self, value: float, wanted: float) -> bool:
        return value <= wanted if self.at_most else value >= wanted

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"{sign} {self.least:g}{self.unit}, aim {self.aim:g}{self.unit}"


@dataclass(frozen=True)
class Row:
    """One line of the table. Without `theirs` the goal is about our own figure; `ours` None: our side did not run."""

    line: str
    ours: Samples | None
    against: str = ""
    theirs: Samples | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        if self.ours is None or self.theirs is None:
            return None
        return self.ours.median / self.theirs.median

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        judged = self.ratio if self.against else self._figure
        return "not measured" if judged is None else self.goal.verdict(judged)

    @property
    def _figure(self) -> float | None:
        return None if self.ours is None else self.ours.median


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
