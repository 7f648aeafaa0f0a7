"""Many uses of one step that follow each other, as of a map, are one row of a waterfall that opens to them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

from .waterfall import Bar, Segment
from .wording import took

LEAST: Final = 10  # rows that become one
_TOGETHER: Final = 0.5  # percent; pieces of a bar that are closer touch
_LOUDEST: Final = ("failed", "retrying", "running", "waiting", "cancelled", "completed")


@dataclass(frozen=True)
class Fold:
    """Uses of the same step, drawn as one bar; `counts` says how many stand in each status, the gravest first."""

    bars: Sequence[Bar]
    segments: Sequence[Segment]
    counts: Sequence[tuple[str, int]]
    length: timedelta

    @property
    def first(self) -> Bar:
        """The one that began first: what its name, kind and place are taken from."""
        return self.bars[0]

    @property
    def status(self) -> str:
        """The gravest of their statuses."""
        return self.counts[0][0]

    @property
    def took(self) -> str:
        """From the beginning of the first to the end of the last."""
        return took(self.length)


def rows(bars: Sequence[Bar]) -> list[Bar | Fold]:
    """The bars, where LEAST or more of the same name and kind follow each other in one."""
    found: list[Bar | Fold] = []
    for _, group in groupby(bars, key=lambda bar: (bar.step.name, bar.step.kind)):
        same = list(group)
        found.extend([_fold(same)] if len(same) >= LEAST else same)
    return found


def _fold(bars: Sequence[Bar]) -> Fold:
    counts = Counter(bar.step.status for bar in bars)
    begin = min(bar.began for bar in bars)
    return Fold(
        bars,
        list(_joined(segment for bar in bars for segment in bar.segments)),
        sorted(counts.items(), key=lambda item: _rank(item[0])),
        max(bar.began + bar.length for bar in bars) - begin,
    )


def _rank(status: str) -> int:
    return _LOUDEST.index(status) if status in _LOUDEST else 0


def _joined(segments: Iterable[Segment]) -> Iterable[Segment]:
    """Pieces of the same look that overlap or nearly touch as one, what failed last: on top."""
    by_look: dict[str, list[tuple[float, float]]] = {}
    for one in sorted(segments, key=lambda segment: segment.x):
        pieces = by_look.setdefault(one.look, [])
        end = one.x + one.width
        if pieces and one.x - pieces[-1][1] <= _TOGETHER:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end))
        else:
            pieces.append((one.x, end))
    for look in sorted(by_look, key=_rank, reverse=True):
        yield from (Segment(begin, round(end - begin, 3), look) for begin, end in by_look[look])
