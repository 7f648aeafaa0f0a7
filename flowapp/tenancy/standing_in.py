"""Who stands in for whom: pure. A substitute who is away too passes on what they were to stand in for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Span:
    """One member is away from `start` until before `end`, and another stands in."""

    member: UUID
    substitute: UUID
    start: datetime
    end: datetime


def loop(new: Span, known: Iterable[Span]) -> list[UUID]:
    """The members around whom `new` would lead back to its own, at some moment; empty when it leads to somebody.

    It begins and ends with the member of `new`.
    """
    return way_to(new.member, new, known)


def way_to(who: UUID, new: Span, known: Iterable[Span]) -> list[UUID]:
    """The members over whom `new` would lead to `who`, at some moment; empty when it does not."""
    return _back(who, new, [new.member], list(known))


def _back(home: UUID, span: Span, path: list[UUID], known: Sequence[Span]) -> list[UUID]:
    path = [*path, span.substitute]
    if span.substitute == home:
        return path
    if span.substitute in path[:-1]:
        return []
    for one in known:
        start, end = max(span.start, one.start), min(span.end, one.end)
        if one.member == span.substitute and start < end:
            found = _back(home, Span(one.member, one.substitute, start, end), path, known)
            if found:
                return found
    return []
