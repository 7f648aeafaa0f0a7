"""What the tests put into a real server or worker from outside, so that the product needs no switches for tests.

The process loads this module because the test names it in FLOWAPP_WORKFLOWS; what it shall do it reads from the file
that the variable TEST_INJECTION names. Each step's effect goes to the ledger, and at the armed point the process kills
its own process group, as `kill -9` would.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from django.db import transaction

from flowapp.cli.dev.watch import Watcher
from flowapp.engine import process, runs, store, sweep
from flowapp.engine.executor import Executor
from flowapp.engine.lease import Lease
from flowapp.engine.line import claims
from flowapp.engine.models import Run
from flowapp.engine.records import Claimed, Outcome, Write
from flowapp.engine.registry import current_attempt
from flowapp.engine.states import RunStatus
from flowapp.engine.verbs.calls import Call
from tests.process import ledger

VARIABLE = "TEST_INJECTION"
LEASE_SECONDS = 1.5
SWEEP_SECONDS = 0.3

_told = json.loads(Path(os.environ[VARIABLE]).read_text())
_armed = Path(_told["armed"])


def reach(point: str, subject: str = "") -> None:
    """Die here when this is the armed point."""
    try:
        armed = _armed.read_text()
    except FileNotFoundError:
        return
    if armed == f"{point} {subject}".strip():
        _armed.unlink()
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _around_claim(claim: Callable[..., list[Claimed]], *given: Any, **named: Any) -> list[Claimed]:
    if _armed.exists() and Run.unscoped.filter(status=RunStatus.QUEUED).exists():
        reach("before claim")
    claimed = claim(*given, **named)
    if claimed:
        reach("after claim")
    return claimed


def _around_apply(apply: Callable[[Sequence[Write]], list[Outcome]], batch: Sequence[Write]) -> list[Outcome]:
    _pass("before", batch)
    outcomes = apply(batch)
    _pass("after", batch)
    return outcomes


def _pass(when: str, batch: Sequence[Write]) -> None:
    for write in batch:
        for row in write.checkpoints:
            reach(f"{when} checkpoint", row.name)
        for opened in write.open:
            reach(f"{when} wait", opened.name)
        if write.end is not None:
            reach(f"{when} end")


async def _around_step(invoke: Callable[..., Any], executor: Executor, call: Call) -> Any:
    name, occurrence = call.key
    reach("before effect", name)
    value = await invoke(executor, call)
    ledger.record(_told["ledger"], current_attempt.get().idempotency_key, f"{name}#{occurrence}")
    reach("after effect", name)
    return value


def _around_answer(point: str, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Die just before an answer is committed, or just after, before anybody is told."""
    with transaction.atomic():
        transaction.on_commit(partial(reach, f"after {point}"))
        result = verb(*given, **named)
        reach(f"before {point}")
    return result


def install() -> None:
    """Put everything in place."""
    _replace(process, "Lease", partial(Lease, seconds=LEASE_SECONDS))
    _replace(sweep, "INTERVAL", SWEEP_SECONDS)
    _replace(claims, "claim", partial(_around_claim, claims.claim))
    _replace(store, "apply", partial(_around_apply, store.apply))
    invoke = Executor._invoke
    _replace(Executor, "_invoke", lambda executor, call: _around_step(invoke, executor, call))
    _replace(runs, "resolve_wait", partial(_around_answer, "decision", runs.resolve_wait))
    _replace(runs, "signal", partial(_around_answer, "signal", runs.signal))
    # Somebody editing this clone meanwhile must not restart the server under the test.
    _replace(Watcher, "_matters", lambda *_: False)


def _replace(owner: object, name: str, value: object) -> None:
    """For the rest of this process's life."""
    mock.patch.object(owner, name, value).start()


install()
