"""Flowapp: what runs that wait cost the worker that has nothing else to do."""

import gc
import os
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from benchmarks.copies import multiply
from benchmarks.flowapp_process import answering
from benchmarks.protocol import Answer, serve

_POLL_SECONDS = 0.05
_SWEEPS_SECONDS = 5


def side(options: dict[str, Any]) -> AbstractAsyncContextManager[Answer]:
    return answering(_answer, options["url"])


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    if "fill" in asked:
        _start(asked["fill"])
        multiply(asked["copies"])
        return {}
    return _held()


def _start(runs: int) -> None:
    from benchmarks.workflows import signalled
    from flowapp.dispatch.embedded import EmbeddedDispatcher
    from flowapp.engine.models import Run

    for _ in range(runs):
        signalled.start(0)
    dispatcher = EmbeddedDispatcher(concurrency=64)
    dispatcher.start()
    while Run.objects.exclude(status="waiting").exists():
        time.sleep(_POLL_SECONDS)
    dispatcher.stop()


def _held() -> dict[str, Any]:
    """A worker over what waits: after some sweeps, its slots in use and how far its memory has grown."""
    from flowapp.dispatch.embedded import EmbeddedDispatcher
    from flowapp.engine.models import Run

    dispatcher = EmbeddedDispatcher(concurrency=64)
    dispatcher.start()
    time.sleep(_SWEEPS_SECONDS)
    gc.collect()
    held = {
        "waiting": Run.objects.filter(status="waiting").count(),
        "slots": Run.objects.filter(status="running").count(),
        "mebibytes": _resident(),
        "cpu": time.process_time(),
    }
    time.sleep(_SWEEPS_SECONDS)
    held["cpu"] = (time.process_time() - held["cpu"]) / _SWEEPS_SECONDS
    dispatcher.stop()
    return held


def _resident() -> float:
    """Memory of this process, in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    serve(side)
