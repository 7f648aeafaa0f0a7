"""Flowapp: a queue is filled, then the embedded dispatcher of this process drains it; or both at the same time."""

import time
from contextlib import AbstractAsyncContextManager
from typing import Any

from benchmarks.flowapp_process import answering
from benchmarks.protocol import Answer, serve

_POLL_SECONDS = 0.02


def side(options: dict[str, Any]) -> AbstractAsyncContextManager[Answer]:
    return answering(lambda asked: _answer(options, asked), options["url"])


def _answer(options: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    if "fill" in asked:
        _start(asked["fill"], options["steps"])
        return {}
    dispatcher = EmbeddedDispatcher(concurrency=options["at_once"])
    if "drain" in asked:
        began = time.monotonic()
        dispatcher.start()
    else:
        dispatcher.start()
        began = time.monotonic()
        _start(asked["runs"], options["steps"])
    _all_over()
    ended = time.monotonic()
    dispatcher.stop()
    _must_have_completed()
    return {"began": began, "ended": ended}


def _start(runs: int, steps: int) -> None:
    from benchmarks.workflows import flow

    for _ in range(runs):
        flow.start(steps)


def _all_over() -> None:
    """Wait until no run is ready or running; each half of the question has an index of its own."""
    from django.db import connection

    over = False
    with connection.cursor() as cursor:
        while not over:
            cursor.execute(
                "SELECT NOT EXISTS (SELECT 1 FROM engine_run WHERE status = 'queued') "
                "AND NOT EXISTS (SELECT 1 FROM engine_run WHERE status = 'running')"
            )
            over = cursor.fetchone()[0]
            time.sleep(0 if over else _POLL_SECONDS)


def _must_have_completed() -> None:
    from flowapp.engine.models import Run

    if left := list(Run.objects.exclude(status="completed").values_list("status", "error")[:3]):
        raise RuntimeError(f"runs did not complete: {left}")


if __name__ == "__main__":
    serve(side)
