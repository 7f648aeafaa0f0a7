"""Votes: when distinct people's answers settle a stage. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from approvals.policies import binding

type Answer = tuple[str, bytes]


def answer(outcome: str, data: Any) -> Answer:
    """An answer as it is counted: people agree when they chose the same outcome with the same data."""
    return outcome, binding.canonical(data)


def settles(given: Answer, others: Sequence[Answer], *, quorum: int, at_once: bool) -> bool:
    """Whether this answer, beside those of other people, settles the stage; a rejection may do so at once."""
    return at_once or 1 + others.count(given) >= quorum
