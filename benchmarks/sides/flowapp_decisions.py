"""Flowapp: from the commit of a decision (or a signal) to the start of the step behind it, embedded or over Celery."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from benchmarks.flowapp_process import answering, owner
from benchmarks.protocol import Answer, serve

_POLL_SECONDS = 0.005
_QUIET_SECONDS = 0.05
_LONGEST_SECONDS = 30


def side(options: dict[str, Any]) -> AbstractAsyncContextManager[Answer]:
    broker = options["broker"]
    return answering(_answer, options["url"], broker=broker, around=_celery if broker else _embedded)


@contextmanager
def _embedded() -> Iterator[None]:
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    dispatcher = EmbeddedDispatcher(concurrency=64)
    dispatcher.start()
    yield
    dispatcher.stop()


@contextmanager
def _celery() -> Iterator[None]:
    """One worker, as `flowapp worker` starts it; this process rings its bell."""
    from flowapp.dispatch import celery

    celery.connect()
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "flowapp", "worker", "--pool", "threads"]
    command += ["--concurrency", "64", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen(command, stdout=sys.stderr)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(_LONGEST_SECONDS)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    decide = _decision if asked["by"] == "decision" else _signal
    return {"milliseconds": [decide(asked.get("steps", 0)) for _ in range(asked["times"])]}


def _signal(steps: int) -> float:
    from benchmarks.workflows import signalled
    from flowapp.engine import runs
    from flowapp.tenancy.actors import SYSTEM

    run = signalled.start(steps)
    _until(run, "waiting")
    return _to_next_step(run, lambda: runs.signal(run.id, "go", by=SYSTEM))


def _decision(_: int) -> float:
    from approvals import actions
    from approvals.models import Prompt
    from benchmarks.workflows import decided

    by = owner()
    run = decided.start({"amount": 600})
    _until(run, "waiting")
    prompt = Prompt.objects.get(run_id=run.id)
    return _to_next_step(run, lambda: actions.decide(prompt.pk, by=by, outcome="approve", channel="web"))


def _to_next_step(run: Any, decide: Callable[[], object]) -> float:
    """Milliseconds between the commit and what the next step says about its start."""
    from django.db import transaction

    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))  # the first to be called after the commit
        decide()
    time.sleep(_QUIET_SECONDS)  # asking at once would be in the way of what is measured
    _until(run, "completed")
    return float((run.output - committed[0]) * 1000)


def _until(run: Any, status: str) -> None:
    from flowapp.engine.models import Run

    end = time.monotonic() + _LONGEST_SECONDS
    while Run.objects.values_list("status", flat=True).get(pk=run.id) != status:
        if time.monotonic() > end:
            raise RuntimeError(f"run {run.id} did not get to {status}")
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    serve(side)
