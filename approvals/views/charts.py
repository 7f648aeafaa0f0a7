"""Bars as templates draw them: places in percent across and in pixels down, so that text keeps its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from approvals.queries import Line

HEIGHT: Final = 132  # pixels of the tallest bar
_FILL: Final = 0.72  # of a bar's share of the width
_NAMED: Final = 8  # columns up to which each is named under its bar


@dataclass(frozen=True, slots=True)
class Part:
    """One colour of a bar."""

    look: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Label:
    """Words under a bar, or a number over it."""

    text: str
    x: float
    y: float
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with what it says in words, for those who do not see it."""

    key: str
    title: str
    said: str
    parts: list[Part]
    labels: list[Label]
    legend: tuple[tuple[str, str], ...] = ()
    height: int = HEIGHT + 36


def days(by_day: Sequence[tuple[date, Line]]) -> Chart:
    """How prompts ended, day by day."""
    stacks = [
        (f"{day.day} {day:%b}", (("ok", line.approved), ("bad", line.denied), ("warn", line.expired)))
        for day, line in by_day
    ]
    ended = sum(line.closed for _, line in by_day)
    busiest = max(by_day, key=lambda one: one[1].closed)
    said = f"{ended} prompts ended in {len(by_day)} days; most, {busiest[1].closed}, on {busiest[0]:%d %B}."
    legend = (("ok", "approved"), ("bad", "denied"), ("warn", "timed out"))
    return _drawn("days", "Decisions by day", said, stacks, legend)


def ages(pending: Sequence[tuple[str, int]]) -> Chart:
    """How long what is open has been."""
    total = sum(number for _, number in pending)
    old = pending[-1][1]
    said = f"{total} prompts are open; {old} of them for over 7 days."
    looks = ("accent", "accent", "accent", "accent", "warn", "bad")
    stacks = [(age, ((look, number),)) for look, (age, number) in zip(looks, pending, strict=True)]
    return _drawn("pending", "Open now, by age", said, stacks, ())


def _drawn(
    key: str,
    title: str,
    said: str,
    stacks: Sequence[tuple[str, Sequence[tuple[str, int]]]],
    legend: tuple[tuple[str, str], ...],
) -> Chart:
    most = max((sum(number for _, number in stack) for _, stack in stacks), default=0)
    share = 100 / len(stacks)
    named = len(stacks) <= _NAMED
    parts: list[Part] = []
    labels: list[Label] = []
    for place, (name, stack) in enumerate(stacks):
        middle, foot = (place + 0.5) * share, HEIGHT + 18.0
        for look, number in stack:
            if number:
                height = max(number / most * HEIGHT, 2)
                foot -= height
                parts.append(Part(look, middle - share * _FILL / 2, foot, share * _FILL, height))
        number = sum(one for _, one in stack)
        if named:
            labels.append(Label(name, middle, HEIGHT + 33))
        if number and (named or number == most):
            labels.append(Label(f"{number:,}", min(max(middle, 2), 98), foot - 5))
    if not named:
        labels += [Label(stacks[0][0], 0, HEIGHT + 33, "start"), Label(stacks[-1][0], 100, HEIGHT + 33, "end")]
    return Chart(key, title, said, parts, labels, legend)
