"""What torture changes in a worker before it starts: short leases, a wrong clock, or a safeguard taken out.

The last is the negative control: without the safeguard the torture must find something wrong. Each process says in the
ledger that the change is in place, and again when it is first met: a control that changes nothing proves nothing.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID

from flowapp.engine import arrivals, clock, lease, postgresql, process, runs, sweep
from flowapp.engine.lease import Lease
from flowapp.engine.line import claims
from flowapp.engine.models import Run
from flowapp.engine.records import History, Write
from tests.process import ledger
from tests.torture.terms import ACKNOWLEDGED, LEASE_SECONDS, LEDGER, SWEEP_SECONDS

DROPPED = 0.4  # of the histories that are loaded lose a record, without the record

_met: set[int] = set()  # processes, since forks share what was noted before


def install(*, clock_offset: float = 0.0, without: str = "") -> None:
    """Put everything in place for the rest of this process's life."""
    _replace(process, "Lease", partial(Lease, seconds=LEASE_SECONDS))
    sweep_often()
    if clock_offset:
        _replace(clock, "time", SimpleNamespace(time=lambda: time.time() + clock_offset, monotonic=time.monotonic))
        clock._clock.offset += clock_offset
    take_out(without)


def sweep_often() -> None:
    """Look more often for what is due, so that the moment of a timeout is narrow."""
    _replace(sweep, "INTERVAL", SWEEP_SECONDS)


def take_out(without: str) -> None:
    """Take this safeguard out of this process, and say so."""
    if without:
        _WITHOUT[without]()
        _acknowledge(without, "in place")


def _acknowledge(without: str, what: str) -> None:
    ledger.record(os.environ[LEDGER], f"{ACKNOWLEDGED}{without}:{what}:{os.getpid()}", what)


def _meet(without: str) -> None:
    if os.getpid() not in _met:
        _met.add(os.getpid())
        _acknowledge(without, "met")


def _without_fence() -> None:
    """Every write counts, whoever owns the run by now; only its stamp still tells."""
    compared = "AND run.fence = COALESCE(held.fence, run.fence)"
    for name, text in _statements(compared).items():
        _replace(postgresql, name, text.replace(compared, ""))
    # One checkpoint alone is stamped with the run's own fence there: have it go the long way, which stamps the write's.
    _replace(postgresql, "_insert_one", _insert_the_long_way)
    _replace(arrivals, "lock", partial(_lock_without_fence, arrivals.lock))


def _insert_the_long_way(write: Write) -> set[postgresql.Held]:
    _meet("fence")
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
    if not hasattr(sweep, "recover_expired_runs") or not hasattr(lease, "expire_dead_neighbours"):
        raise LookupError("runs are recovered by something else now: adapt this control")
    _replace(sweep, "recover_expired_runs", _recover_nothing)
    _replace(lease, "expire_dead_neighbours", lambda worker: None)


def _recover_nothing() -> int:
    _meet("sweeper")
    return 0


def _without_claim_check() -> None:
    """A claim takes runs that somebody else is executing."""
    ready = "status = 'queued' AND NOT held AND claims BETWEEN"
    anyones = "status IN ('queued', 'running') AND claims BETWEEN"
    for name, text in _statements(ready).items():
        _replace(postgresql, name, text.replace(ready, anyones))
    _replace(postgresql, "claim", partial(_claim, postgresql.claim))


def _claim(claim: Callable[..., list[UUID] | None], *given: Any, leased: bool) -> list[UUID] | None:
    _meet("claim")
    return claim(*given, leased=leased)


def _statements(part: str) -> dict[str, str]:
    """The statements in which this stands."""
    found = {name: text for name, text in vars(postgresql).items() if isinstance(text, str) and part in text}
    if not found:
        raise LookupError(f"{part!r} is in no statement any more: adapt this control")
    return found


def _without_record() -> None:
    """Of what a run did before, a step is forgotten now and then when another worker takes it up."""
    _replace(claims, "load_histories", partial(_histories, claims.load_histories))


def _histories(load: Callable[..., dict[UUID, History]], run_ids: Sequence[UUID]) -> dict[UUID, History]:
    found = load(run_ids)
    return {run_id: _forgetful(history) for run_id, history in found.items()}


def _forgetful(history: History) -> History:
    steps = [record for record in history.checkpoints if record.kind == "step"]
    if not steps or random.random() > DROPPED:
        return history
    _meet("record")
    lost = random.choice(steps)
    return replace(history, checkpoints=tuple(record for record in history.checkpoints if record is not lost))


def _without_decision_check() -> None:
    """A decision is accepted whether or not the prompt is still open."""
    from approvals.actions import closing, deciding

    close = closing.close
    known = [module for name, module in sys.modules.items() if name.startswith("approvals.actions.")]
    for module in known:
        if getattr(module, "close", None) is close:
            _replace(module, "close", _close_anyway)
    if vars(deciding)["close"] is close or not hasattr(deciding, "_standing"):
        raise LookupError("a prompt is closed by something else now: adapt this control")
    _replace(deciding, "_standing", lambda *_, **__: None)
    _replace(runs, "resolve_wait", partial(_resolved_anyway, runs.resolve_wait))


def _close_anyway(prompt: Any, status: str, at: Any) -> bool:
    """As the product's, without the comparison, and without taking the question from the others who were asked."""
    from approvals.actions.telling import News, tell

    row = type(prompt).objects.filter(pk=prompt.pk)
    if row.exclude(status="pending").exists():
        _meet("decision")
    row.update(status=status, closed_at=at, updated_at=at)
    prompt.status, prompt.closed_at, prompt.updated_at = status, at, at
    tell(prompt, News.ENDED)
    return True


def _resolved_anyway(resolve: Callable[..., bool], *given: Any) -> bool:
    resolve(*given)
    return True


_WITHOUT: dict[str, Callable[[], None]] = {
    "fence": _without_fence,
    "sweeper": _without_sweeper,
    "claim": _without_claim_check,
    "record": _without_record,
    "decision": _without_decision_check,
}


def _replace(owner: object, name: str, value: object) -> None:
    mock.patch.object(owner, name, value).start()
