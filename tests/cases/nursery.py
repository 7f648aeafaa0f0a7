"""A parent of Celery workers for the cases: everything is imported, so that one that was killed is replaced by a fork.

`python -m tests.cases.nursery FOLDER` forks a worker for every line it reads, and answers with its process id. What
runs in the child is Celery's own worker command. The engine learns from the folder (shared.py) how late it is, where to
die, and where to write its effects down.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from unittest import mock

CONCURRENCY = 4
SWEEP_SECONDS = 0.1


def main(folder: Path) -> None:
    """Fork workers until the input ends; then none is left."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no zombie, which would still answer to its id
    import django

    django.setup()
    # To be there before the forks.
    import celery.apps.worker
    import celery.bin.celery
    import celery.concurrency.thread
    import celery.worker.consumer  # noqa: F401
    import kombu.transport.redis  # noqa: F401

    import flowapp.celery  # noqa: F401

    _install(folder)
    assert threading.active_count() == 1
    born: list[int] = []
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _live(folder / "worker.log")
        os.setpgid(pid, pid)
        born.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in born:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _install(folder: Path) -> None:
    from flowapp.engine import clock, process, store, sweep
    from flowapp.engine.errors import Fenced
    from flowapp.engine.lease import Lease
    from flowapp.engine.records import Outcome, Write
    from tests.cases import effects
    from tests.cases.engines import AGES
    from tests.cases.shared import REFUSED, Shared

    shared = Shared(folder)

    def apply(real: Callable[[Sequence[Write]], list[Outcome]], batch: Sequence[Write]) -> list[Outcome]:
        for write in batch:
            shared.pass_by(write, before=True)
        outcomes = real(batch)
        for write in batch:
            shared.pass_by(write, before=False)
        if any(isinstance(outcome, Fenced) for outcome in outcomes):
            shared.note(REFUSED, "")
        return outcomes

    def commit_atomic(real: Callable[[Callable[[], Write]], None], work: Callable[[], Write]) -> None:
        written: list[Write] = []

        def working() -> Write:
            written.append(work())
            shared.pass_by(written[0], before=True)
            return written[0]

        real(working)
        shared.pass_by(written[0], before=False)

    for owner, name, value in (
        (clock, "_clock", shared.clock),
        # A killed neighbour's lease is ended by whoever takes over.
        (process, "Lease", partial(Lease, seconds=AGES)),
        (sweep, "INTERVAL", SWEEP_SECONDS),
        (store, "apply", partial(apply, store.apply)),
        (store, "commit_atomic", partial(commit_atomic, store.commit_atomic)),
        (effects, "note", shared.note),
        (effects, "enter", shared.enter),
    ):
        mock.patch.object(owner, name, value).start()


def _live(log: Path) -> None:
    """Become a worker, in a process group of its own. Never returns."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for ours, number in ((null, 0), (told, 1), (told, 2)):
        os.dup2(ours, number)
    from flowapp.celery import app

    try:
        app.worker_main(
            ["--quiet", "worker", "--pool", "threads", "--concurrency", str(CONCURRENCY), "--queues", "default",
             "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat",
             "--hostname", f"case-{os.getpid()}@localhost"]
        )  # fmt: skip
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
