"""A run that was started, and what it has to come to: known to the judges without importing the workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.torture.terms import LARGE, SIGNALS


@dataclass(slots=True)
class Started:
    """A run that somebody started, and what they know of it."""

    kind: str
    n: int
    version: int
    run_id: UUID | None = None
    won: tuple[str, ...] = ()


def expected(started: Started) -> Any:
    """The right output; None where it follows from something else."""
    n = started.n
    outputs: dict[str, Any] = {
        "steps": 5 * n + 10 if started.version == 1 else 2 * n + 1,
        "fans-out": 7 * n + 6,
        "retries": 2 * n,
        "signals": list(range(SIGNALS)),
        "sleeps": n,
        "listens": n,
        "writes": 3 * n + 1,
        "has-children": 6 * n + 6,
        "is-large": LARGE + n,
        "at-most-once": 2 * n,
        "runs-out": "deny by nobody",
    }
    return outputs.get(started.kind)
