"""What a body draws - unique ids, random numbers, the time it began - computed from the run, so the same on replay."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5


class Chance:
    """The draws of one run. A fork draws as its original did, up to the last outcome that it took over from it."""

    def __init__(self, run_id: UUID, generation: int, origin: dict[str, Any] | None) -> None:
        self._space = run_id
        self._generation = generation
        self._origins = [(seq, UUID(space)) for seq, space in (origin or {}).get("spaces", [])]
        self._drawn = 0

    def uuid(self, delivered: int) -> UUID:
        """A unique id; `delivered` is the number of the last outcome that reached the body."""
        return uuid5(self._space_at(delivered), self._next("uuid"))

    def random(self, delivered: int) -> float:
        """A number in [0, 1)."""
        name = f"{self._space_at(delivered)}:{self._next('random')}".encode()
        return (int.from_bytes(hashlib.blake2b(name, digest_size=8).digest()) >> 11) * 2.0**-53

    def _next(self, kind: str) -> str:
        self._drawn += 1
        return f"{kind}:{self._generation}:{self._drawn}"

    def _space_at(self, delivered: int) -> UUID:
        for last, space in self._origins:
            if delivered < last:
                return space
        return self._space


def life(run_id: UUID, generation: int) -> str:
    """The run, told apart from what it was before it continued as new."""
    return f"{run_id}.{generation}" if generation else str(run_id)


def origin_of(run_id: UUID, origin: dict[str, Any] | None, began: datetime, kept: int) -> dict[str, Any]:
    """What a fork must know to draw as its original did for the outcomes up to number `kept`."""
    spaces: list[list[Any]] = []
    for last, space in [*(origin or {}).get("spaces", []), [kept, str(run_id)]]:
        spaces.append([min(last, kept), space])
        if last >= kept:
            break
    return {"spaces": spaces, "began": (origin or {}).get("began") or began.isoformat()}


def runs_of(run_id: UUID, origin: dict[str, Any] | None) -> list[UUID]:
    """The run, and those whose outcomes it took over."""
    return [run_id, *(UUID(space) for _, space in (origin or {}).get("spaces", []))]


def began(origin: dict[str, Any] | None, started_at: datetime) -> datetime:
    """The time at which the body first ran."""
    return datetime.fromisoformat(origin["began"]) if origin else started_at
