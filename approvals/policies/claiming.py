"""Claims: "I am looking at this", for a while. A claim tells others; it keeps nobody from deciding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

LASTS: Final = timedelta(minutes=15)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two stored actors are the same person (through whatever channel or key) or agent."""
    return (one["kind"], one["id"]) == (other["kind"], other["id"])
