"""A parent of workers: it has everything imported, so that a killed worker is replaced in a moment by a fork.

`python -m tests.torture.nursery` reads one JSON order a line and answers each with the new worker's process id. What
runs in the child is the real thing: Celery's own worker command, or the embedded dispatcher.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

CONCURRENCY = 8
PREFORK_CHILDREN = 3


def main() -> None:
    """Fork workers until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    import django

    django.setup()
    import celery.apps.worker  # noqa: F401 - to be there before the forks
    import kombu.transport.redis  # noqa: F401

    from flowapp.celery import app

    assert app is not None
    assert threading.active_count() == 1
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _live(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _live(order: dict[str, Any]) -> None:
    """Become a worker, in a process group of its own. Never returns."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(str(Path(order["log"])), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for ours, number in ((null, 0), (log, 1), (log, 2)):
        os.dup2(ours, number)
    from tests.torture import injection, workflows

    injection.install(clock_offset=order["clock_offset"], without=order["without"])
    workflows.deploy(order["code"])
    try:
        _embedded() if order["kind"] == "embedded" else _celery(order["kind"])
    finally:
        os._exit(1)


def _embedded() -> None:
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    EmbeddedDispatcher(concurrency=CONCURRENCY).start()
    while True:
        signal.pause()


def _celery(pool: str) -> None:
    from flowapp.celery import app

    concurrency = CONCURRENCY if pool == "threads" else PREFORK_CHILDREN
    app.worker_main(
        ["worker", "--pool", pool, "--concurrency", str(concurrency), "--queues", "default", "--loglevel", "WARNING",
         "--without-gossip", "--without-mingle", "--hostname", f"torture-{os.getpid()}@localhost"]
    )  # fmt: skip


if __name__ == "__main__":
    main()
