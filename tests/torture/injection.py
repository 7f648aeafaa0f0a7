"""What torture changes in a worker before it starts: short leases, a wrong clock, or a safeguard taken out.

The last is the negative control: without the safeguard the torture must find something wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID

from approvals.actions import closing, deciding
from flowapp.engine import arrivals, clock, lease, postgresql, process, runs, sweep
from flowapp.engine.lease import Lease
from flowapp.engine.models import Run
from flowapp.engine.records import Write
from tests.torture.terms import LEASE_SECONDS, SWEEP_SECONDS


def install(*, clock_offset: float = 0.0, without: str = "") -> None:
    """Put everything in place for the rest of this process's life."""
    _replace(process, "Lease", partial(Lease, seconds=LEASE_SECONDS))
    _replace(sweep, "INTERVAL", SWEEP_SECONDS)
    if clock_offset:
        _replace(clock, "time", SimpleNamespace(time=lambda: time.time() + clock_offset, monotonic=time.monotonic))
        clock._clock.offset += clock_offset
    if without:
        _WITHOUT[without]()


def _without_fence() -> None:
    """Every write counts, whoever owns the run by now; only its stamp still tells."""
    compared = "AND run.fence = COALESCE(held.fence, run.fence)"
    statements = {name: text for name, text in vars(postgresql).items() if isinstance(text, str) and compared in text}
    if not statements:
        raise LookupError("no statement compares fences in this way any more: adapt this control")
    for name, text in statements.items():
        _replace(postgresql, name, text.replace(compared, ""))
    # One checkpoint alone is stamped with the run's own fence there: have it go the long way, which stamps the write's.
    _replace(postgresql, "_insert_one", _insert_the_long_way)
    _replace(arrivals, "lock", partial(_lock_without_fence, arrivals.lock))


def _insert_the_long_way(write: Write) -> set[postgresql.Held]:
    with postgresql._cursor() as cursor:
        arrays = postgresql._arrays([write])
        cursor.execute(postgresql._INSERT_IF_OWNED, [[write.run_id], [write.fence], *arrays])
        return set(cursor.fetchall())


class _AnyFence(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def _lock_without_fence(lock: Callable[..., dict[UUID, Run]], ids: Iterable[UUID]) -> dict[UUID, Run]:
    runs = lock(ids)
    for run in runs.values():
        run.fence = _AnyFence(run.fence)
    return runs


def _without_sweeper() -> None:
    """Nobody looks for the runs of the dead."""
    _replace(sweep, "recover_expired_runs", lambda: 0)
    _replace(lease, "expire_dead_neighbours", lambda worker: None)


def _without_claim_check() -> None:
    """A claim takes runs that somebody else is executing."""
    claim = _changed(postgresql._CLAIM, "status = 'queued'", "status IN ('queued', 'running')")
    _replace(postgresql, "_CLAIM", claim)


def _without_decision_check() -> None:
    """A decision is accepted whether or not the prompt is still open."""

    def close(prompt: Any, status: str, at: Any) -> bool:
        type(prompt).objects.filter(pk=prompt.pk).update(status=status, closed_at=at, updated_at=at)
        prompt.status = status
        return True

    _replace(deciding, "close", close)
    _replace(closing, "close", close)
    _replace(deciding, "_standing", lambda *_, **__: None)
    _replace(runs, "resolve_wait", partial(_resolved_anyway, runs.resolve_wait))


def _resolved_anyway(resolve: Callable[..., bool], *given: Any) -> bool:
    resolve(*given)
    return True


_WITHOUT: dict[str, Callable[[], None]] = {
    "fence": _without_fence,
    "sweeper": _without_sweeper,
    "claim": _without_claim_check,
    "decision": _without_decision_check,
}


def _changed(text: str, part: str, by: str) -> str:
    if part not in text:
        raise LookupError(f"{part!r} is not in the statement any more: adapt this control")
    return text.replace(part, by)


def _replace(owner: object, name: str, value: object) -> None:
    mock.patch.object(owner, name, value).start()
