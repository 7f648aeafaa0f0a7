"""A run's family as a drawing: boxes in columns by generation, and the lines between them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

WIDE: Final = 208
HIGH: Final = 46
COLUMN: Final = 268  # from one generation to the next
ROW: Final = 58
MARGIN: Final = 8


class Member(Protocol):
    """A run with its children; `more` counts those that are not drawn."""

    @property
    def children(self) -> Sequence[Any]: ...
    @property
    def more(self) -> int: ...


@dataclass(frozen=True)
class Box:
    """One run, or without one the children that are not drawn."""

    x: int
    y: int
    run: Any | None
    more: int = 0

    @property
    def middle(self) -> int:
        """Where lines meet it."""
        return self.y + HIGH // 2


@dataclass(frozen=True)
class Line:
    """From a parent to a child, as an SVG path."""

    path: str


@dataclass(frozen=True)
class Drawing:
    """Everything, and how large it is."""

    boxes: Sequence[Box]
    lines: Sequence[Line]
    width: int
    height: int
    box_width: int = WIDE
    box_height: int = HIGH


def draw(eldest: Member) -> Drawing:
    """Lay a family out from left to right; a parent stands beside the middle of its children."""
    boxes: list[Box] = []
    lines: list[Line] = []
    rows = _place(eldest, 0, 0, boxes, lines)[1]
    width = max(box.x for box in boxes) + WIDE + MARGIN
    return Drawing(boxes, lines, width, MARGIN * 2 + rows * ROW - (ROW - HIGH))


def _place(member: Member, generation: int, row: int, boxes: list[Box], lines: list[Line]) -> tuple[Box, int]:
    """Put a member and all below it from this row on; its box, and the next free row."""
    x = MARGIN + generation * COLUMN
    below: list[Box] = []
    free = row
    for child in member.children:
        box, free = _place(child, generation + 1, free, boxes, lines)
        below.append(box)
    if member.more:
        rest = Box(x + COLUMN, MARGIN + free * ROW, None, member.more)
        boxes.append(rest)
        below.append(rest)
        free += 1
    y = (below[0].y + below[-1].y) // 2 if below else MARGIN + row * ROW
    own = Box(x, y, member)
    boxes.append(own)
    lines.extend(_line(own, child) for child in below)
    return own, max(free, row + 1)


def _line(parent: Box, child: Box) -> Line:
    begin, end = parent.x + WIDE, child.x
    bend = (end - begin) // 2
    return Line(
        f"M{begin} {parent.middle}C{begin + bend} {parent.middle} {end - bend} {child.middle} {end} {child.middle}"
    )
