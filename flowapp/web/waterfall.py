"""A run's steps as bars on one time axis: each attempt, each wait, and what the axis says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import log1p
from typing import Any, Final, Protocol

from .wording import took

TICKS: Final = 4
STEP: Final = "step"
PEOPLE: Final = "prompt"  # the kind of a wait on people
SHORT: Final = timedelta(seconds=10)  # a shorter run has an even axis
GAP: Final = 0.05  # of the time; a shorter stretch without a step counts with its neighbours
IDLE_MOST: Final = 0.7  # of the time; beyond that, the axis is not even
_LEAST: Final = 0.4  # percent: what took no time is still to be seen


class Attempt(Protocol):
    """An attempt that failed, or is under way."""

    @property
    def started_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


class Step(Protocol):
    """What the waterfall needs to know of a step or wait; `started_at` is when its last attempt began."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def tries(self) -> Sequence[Attempt]: ...


@dataclass(frozen=True)
class Segment:
    """A piece of a bar: percent from the left, percent wide, and what happened meanwhile."""

    x: float
    width: float
    look: str


@dataclass(frozen=True)
class Bar:
    """One step on the axis."""

    step: Any
    segments: Sequence[Segment]
    length: timedelta
    began: datetime
    beside: bool = False  # it ran while the one above it still did

    @property
    def took(self) -> str:
        """How long the step took with all its attempts, or takes so far."""
        return took(self.length)


@dataclass(frozen=True)
class Waterfall:
    """The bars, and the marks of their axis as (percent, text)."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    shortened: bool


def draw(steps: Iterable[Step], *, since: datetime, until: datetime) -> Waterfall:
    """Lay the steps out between the run's start and its end (or now). Steps still open reach to the end.

    Where a run mostly waits, its waits are drawn shorter, so that the steps are still to be seen.
    """
    known = sorted(steps, key=_began)
    beside = _beside(known, until)
    begin = min([since, *(_began(step) for step in known)])
    axis = _Axis.of(begin, max(until, begin + timedelta(milliseconds=1)), _busy(known, until))
    bars = [
        Bar(
            step,
            [_segment(axis.place(start), axis.place(end), look) for start, end, look in _pieces(step, until)],
            max((step.ended_at or until) - _began(step), timedelta(0)),
            _began(step),
            step_is_beside,
        )
        for step, step_is_beside in zip(known, beside, strict=True)
    ]
    return Waterfall(bars, _ticks(axis), shortened=axis.shortened)


@dataclass(frozen=True)
class _Axis:
    """Time to place and back, by stretches of (begins at, lasts, share of the width)."""

    stretches: Sequence[tuple[datetime, timedelta, float]]
    shortened: bool

    @classmethod
    def of(cls, begin: datetime, end: datetime, busy: Sequence[tuple[datetime, datetime]]) -> _Axis:
        """An even axis; for a run that mostly idles, stretches as wide as the logarithm of their length.

        So a longer stretch is always wider than a shorter one, but two days do not hide two seconds.
        """
        whole = end - begin
        active = sum((to - since for since, to in busy), timedelta(0))
        if not busy or whole < SHORT or active > whole * (1 - IDLE_MOST):
            return cls([(begin, whole, 1.0)], shortened=False)
        ends = [begin, *(to for _, to in busy)]
        begins = [*(since for since, _ in busy), end]
        idle = [(since, to) for since, to in zip(ends, begins, strict=True) if to - since >= whole * GAP]
        edges = sorted({begin, end, *(edge for stretch in idle for edge in stretch)})
        spans = [(since, to - since) for since, to in pairwise(edges)]
        weights = [log1p(span / timedelta(milliseconds=1)) for _, span in spans]
        total = sum(weights)
        stretches = [(*span, weight / total) for span, weight in zip(spans, weights, strict=True)]
        return cls(stretches, shortened=len(spans) > 1)

    def place(self, moment: datetime) -> float:
        """The place of a moment, 0 to 1."""
        place = 0.0
        for since, lasts, share in self.stretches:
            place += share * min(max((moment - since) / lasts, 0.0), 1.0)
        return min(place, 1.0)

    def moment(self, place: float) -> timedelta:
        """How long after the beginning a place is."""
        passed = timedelta(0)
        for _, lasts, share in self.stretches:
            if place <= share:
                return passed + lasts * (place / share if share else 0.0)
            passed, place = passed + lasts, place - share
        return passed


def _ticks(axis: _Axis) -> list[tuple[float, str]]:
    """The marks, without those that would say the same as the one before."""
    texts = ["0", *(took(axis.moment(index / TICKS)) for index in range(1, TICKS + 1))]
    return [(100 * index / TICKS, text) for index, text in enumerate(texts) if text != texts[index - 1] or not index]


def _busy(steps: Iterable[Step], until: datetime) -> list[tuple[datetime, datetime]]:
    """When at least one step was running, as stretches that neither touch nor overlap."""
    merged: list[tuple[datetime, datetime]] = []
    pieces = [piece for step in steps if step.kind == STEP for piece in _pieces(step, until)]
    for since, to, look in sorted(pieces, key=lambda piece: piece[0]):
        if look == "waiting" or to <= since:
            continue
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], to))
        else:
            merged.append((since, to))
    return merged


def _beside(known: Sequence[Step], until: datetime) -> list[bool]:
    """For each step whether an earlier one was still under way when it began: branches of the same run."""
    latest: datetime | None = None
    found: list[bool] = []
    for step in known:
        began, ended = _began(step), step.ended_at or until
        found.append(latest is not None and began < latest)
        latest = max(latest or ended, ended)
    return found


def waited(steps: Iterable[Step], now: datetime) -> str:
    """How long the run waited on people, all prompts together; empty when it asked nobody."""
    waits = [(step.ended_at or now) - step.started_at for step in steps if step.kind == PEOPLE]
    return took(sum(waits, timedelta(0))) if waits else ""


def _began(step: Step) -> datetime:
    return min([step.started_at, *(attempt.started_at for attempt in step.tries)])


def _pieces(step: Step, until: datetime) -> Iterator[tuple[datetime, datetime, str]]:
    """Earlier attempts, then the last one: from when to when, and how it looks."""
    for attempt in step.tries:
        if attempt.ended_at:
            yield attempt.started_at, attempt.ended_at, "failed"
    last = step.tries[-1].ended_at if step.tries else None
    if step.status == "retrying" and last:
        yield last, until, "waiting"
    else:
        yield step.started_at, step.ended_at or until, _look(step)


def _look(step: Step) -> str:
    return "waited" if step.kind != STEP and step.status == "completed" else step.status


def _segment(start: float, end: float, look: str) -> Segment:
    x = min(100 * start, 100 - _LEAST)
    width = max(100 * (end - start), _LEAST)
    return Segment(round(x, 3), round(min(width, 100 - x), 3), look)
