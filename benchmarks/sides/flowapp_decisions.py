"""Flowapp: from the commit of a decision (or a signal) to the start of the step behind it, embedded or over Celery."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.flowapp_process import flowapp
from benchmarks.protocol import Answer, serve

_POLL_SECONDS = 0.005
_QUIET_SECONDS = 0.05
_LONGEST_SECONDS = 30


@contextlib.asynccontextmanager
async def side(options: dict[str, Any]) -> AsyncIterator[Answer]:
    # Django's ORM wants a thread without an event loop, and gives each thread a connection: one does all the asking.
    with ThreadPoolExecutor(max_workers=1) as thread:
        stack = contextlib.ExitStack()
        in_thread = asyncio.get_running_loop().run_in_executor
        await in_thread(thread, stack.enter_context, flowapp(options["url"], broker=options["broker"]))
        await in_thread(thread, stack.enter_context, _celery() if options["broker"] else _embedded())

        async def answer(asked: dict[str, Any]) -> dict[str, Any]:
            return await in_thread(thread, _answer, asked)

        yield answer
        await in_thread(thread, stack.close)


@contextlib.contextmanager
def _embedded() -> Iterator[None]:
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    dispatcher = EmbeddedDispatcher(concurrency=64)
    dispatcher.start()
    yield
    dispatcher.stop()


@contextlib.contextmanager
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

    owner = _owner()
    run = decided.start({"amount": 600})
    _until(run, "waiting")
    prompt = Prompt.objects.get(run_id=run.id)
    return _to_next_step(run, lambda: actions.decide(prompt.pk, by=owner, outcome="approve", channel="web"))


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


def _owner() -> Any:
    from flowapp.tenancy import actions, queries
    from flowapp.tenancy.actors import SYSTEM
    from flowapp.tenancy.models import Member, Role, User

    owner = Member.objects.filter(role=Role.OWNER).first()
    if owner is None:
        person = User.objects.create_user("ana@example.com", None, name="Ana")
        owner = actions.add_member(user=person, role=Role.OWNER, by=SYSTEM)
    return queries.actor_for(owner)


def _until(run: Any, status: str) -> None:
    from flowapp.engine.models import Run

    end = time.monotonic() + _LONGEST_SECONDS
    while Run.objects.values_list("status", flat=True).get(pk=run.id) != status:
        if time.monotonic() > end:
            raise RuntimeError(f"run {run.id} did not get to {status}")
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    serve(side)
