"""Flowapp: from the commit of a decision, signal or event to the start of the next step, embedded or over Celery."""

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
    once = {"decision": _decision, "signal": _signal, "event": _event}[asked["by"]]
    return {"milliseconds": [once(asked.get("steps", 0)) for _ in range(asked["times"])]}


def _signal(steps: int) -> float:
    from benchmarks.workflows import signalled
    from flowapp.engine import runs
    from flowapp.tenancy.actors import SYSTEM

    run = signalled.start(steps)
    _until(run, "waiting")
    return _to_next_step(lambda: run, lambda: runs.signal(run.id, "go", by=SYSTEM))


def _event(_: int) -> float:
    from flowapp.engine import handle
    from flowapp.engine.models import Run
    from flowapp.engine.triggering.events import publish
    from flowapp.tenancy.actors import SYSTEM

    started = Run.objects.filter(workflow="bench-triggered")
    before = started.count()

    def newest() -> Any:
        _wait_for("the run of the event", lambda: started.count() > before)
        return handle.Run(started.latest("id").id)

    return _to_next_step(newest, lambda: publish("bench/happened", {"size": 2}, by=SYSTEM))


def _decision(_: int) -> float:
    from approvals import actions
    from approvals.models import Prompt
    from benchmarks.workflows import decided

    by = owner()
    run = decided.start({"amount": 600})
    _until(run, "waiting")
    prompt = Prompt.objects.get(run_id=run.id)
    return _to_next_step(lambda: run, lambda: actions.decide(prompt.pk, by=by, outcome="approve", channel="web"))


def _to_next_step(which: Callable[[], Any], act: Callable[[], object]) -> float:
    """Milliseconds between the commit of an act and what the next step of its run says about its start."""
    from django.db import transaction

    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))  # the first to be called after the commit
        act()
    time.sleep(_QUIET_SECONDS)  # asking at once would be in the way of what is measured
    run = which()
    _until(run, "completed")
    return float((run.output - committed[0]) * 1000)


def _until(run: Any, status: str) -> None:
    from flowapp.engine.models import Run

    stands = Run.objects.filter(pk=run.id, status=status)
    _wait_for(f"run {run.id} to get to {status}", stands.exists)


def _wait_for(what: str, found: Callable[[], bool]) -> None:
    end = time.monotonic() + _LONGEST_SECONDS
    while not found():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {_LONGEST_SECONDS} s for {what}")
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    serve(side)
