"""Concurrency inside a run: the first of several, and one step over many items."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Winner[T]:
    """Which branch was first, and what it returned."""

    name: str
    value: T


async def first(branches: dict[str, Awaitable[Any]]) -> Winner[Any]:
    """The branch that finishes first; the others are cancelled, and have unwound, when this returns.

    Raises what the first branch raised. Of branches that finish in the same turn, the one named first wins.
    """
    if not branches:
        raise ValueError("first() needs at least one branch")
    futures = {name: asyncio.ensure_future(branch) for name, branch in branches.items()}
    try:
        await asyncio.wait(futures.values(), return_when=asyncio.FIRST_COMPLETED)
        name = next(name for name, future in futures.items() if future.done())
    finally:
        losers = [future for future in futures.values() if not future.done()]
        for future in losers:
            future.cancel()
    await asyncio.gather(*futures.values(), return_exceptions=True)
    return Winner(name, futures[name].result())


async def over_items(
    call: Callable[[Any], asyncio.Future[Any]],
    items: Iterable[Any],
    limit: int | None,
    on_error: Literal["raise", "collect"],
) -> list[Any]:
    """The results of a call for every item, in the items' order, at most `limit` at once.

    With "collect" a failed item's place holds its exception; with "raise" the first failure cancels the rest.
    """
    room = asyncio.Semaphore(limit) if limit is not None else None

    async def one(item: Any) -> Any:
        assert room is not None
        async with room:
            return await call(item)

    calls = [call(item) for item in items] if room is None else [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*calls, return_exceptions=on_error == "collect")
    except BaseException:
        for pending in calls:
            pending.cancel()
        raise
