"""Claims: "I am looking at this", for a while. A claim tells others; it keeps nobody from deciding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

LASTS: Final = timedelta(minutes=15)


class Claimable(Protocol):
    """A prompt, as far as claims go."""

    @property
    def claimed_by(self) -> Mapping[str, Any] | None: ...
    @property
    def claimed_until(self) -> datetime | None: ...


def holder(prompt: Claimable, now: datetime) -> Mapping[str, Any] | None:
    """The actor whose claim holds now; a claim that ran out is nobody's."""
    if prompt.claimed_until is None or prompt.claimed_until <= now:
        return None
    return prompt.claimed_by


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two stored actors are the same person (through whatever channel or key) or agent."""
    return (one["kind"], one["id"]) == (other["kind"], other["id"])
