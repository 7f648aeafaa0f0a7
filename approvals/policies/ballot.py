"""Votes: when distinct people's answers settle a stage, and which answers are rejections. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approvals.policies import binding
from approvals.states import NEGATIVE

type Answer = tuple[str, bytes]


def answer(outcome: str, data: Any) -> Answer:
    """An answer as it is counted: people agree when they chose the same outcome with the same data."""
    return outcome, binding.canonical(data)


def is_rejection(outcome: str, outcomes: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an outcome turns the question down: by its name, or because its workflow gave it the tone "danger"."""
    return outcome in NEGATIVE or any(one["value"] == outcome and one["tone"] == "danger" for one in outcomes)


def settles(given: Answer, others: Sequence[Answer], *, quorum: int, at_once: bool) -> bool:
    """Whether this answer, beside those of other people, settles the stage; a rejection may do so at once."""
    return at_once or 1 + others.count(given) >= quorum
