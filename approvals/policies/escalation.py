"""What happens when nobody decides, and when. Pure: times in, a plan out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from approvals.states import ESCALATE
from flowapp.tenancy import business_time
from flowapp.tenancy.business_time import WorkingTime


class Turn(StrEnum):
    """What is due on a prompt nobody decided."""

    ESCALATE = "escalate"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Plan:
    """The prompt's times. `levels` counts from the opening; None is the level a timeout alone leads to."""

    opened_at: datetime
    timeout: timedelta | None
    levels: tuple[timedelta | None, ...]
    on_timeout: str
    working: WorkingTime | None = None

    def next(self, *, level: int, since: datetime) -> tuple[datetime, Turn] | None:
        """When something happens next, and what, for a prompt at this level since then; None when never."""
        turns = [turn for turn in (self._escalation(level), self._timeout(level, since)) if turn]
        return min(turns, default=None, key=lambda turn: turn[0])

    def _escalation(self, level: int) -> tuple[datetime, Turn] | None:
        after = self.levels[level] if level < len(self.levels) else None
        return None if after is None else (passed(self.opened_at, after, self.working), Turn.ESCALATE)

    def _timeout(self, level: int, since: datetime) -> tuple[datetime, Turn] | None:
        if self.timeout is None:
            return None
        higher = self.on_timeout == ESCALATE and level < len(self.levels)
        return passed(since, self.timeout, self.working), Turn.ESCALATE if higher else Turn.EXPIRE


class Timed(Protocol):
    """A prompt, as far as its times go. They count from the opening of its stage."""

    @property
    def opened_at(self) -> datetime: ...
    @property
    def timeout_s(self) -> float | None: ...
    @property
    def on_timeout(self) -> str: ...
    @property
    def options(self) -> Mapping[str, Any]: ...


def plan_of(prompt: Timed) -> Plan:
    """The plan of a prompt. Without a chain, ESCALATE leads to one level: the assignees' managers."""
    levels: tuple[timedelta | None, ...] = tuple(timedelta(seconds=after) for after, _ in chain_of(prompt))
    if not levels and prompt.on_timeout == ESCALATE:
        levels = (None,)
    timeout = None if prompt.timeout_s is None else timedelta(seconds=prompt.timeout_s)
    working = working_time(prompt)
    return Plan(prompt.opened_at, timeout, levels, prompt.on_timeout, working)


def working_time(prompt: Timed) -> WorkingTime | None:
    """The calendar in whose hours a prompt's times count, as it was when the prompt was opened; None: any time."""
    kept = prompt.options.get("calendar")
    return business_time.read(kept) if kept else None


def passed(start: datetime, length: timedelta, working: WorkingTime | None) -> datetime:
    """The moment at which so much time has passed since `start`, of working hours or of any."""
    return start + length if working is None else working.add(start, length)


def chain_of(prompt: Timed) -> Sequence[tuple[float, list[str]]]:
    """The escalation chain: seconds from the opening, and who is asked then."""
    chain: Sequence[tuple[float, list[str]]] = prompt.options.get("escalate", ())
    return chain
