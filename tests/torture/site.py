"""The processes that the deciders knock at: each is what `flowapp dev` is without the demo.

That is uvicorn with the product's application, an embedded worker, and what delivers messages. `python -m
tests.torture.site` has everything imported, and forks one for each line it reads: the safeguard to take out, or none.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import uvicorn

CONCURRENCY = 16


def main() -> None:
    """Fork until the input ends; then all of them end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    import django

    django.setup()
    import flowapp.dispatch.embedded
    import flowapp.urls  # noqa: F401 - to be there before the forks
    from flowapp.asgi import application

    assert threading.active_count() == 1
    for line in sys.stdin:
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            _serve(application, line.strip(), theirs)
        os.close(theirs)
        with os.fdopen(ours) as told:
            sys.stdout.write(f"{pid} {told.readline().strip()}\n")
        sys.stdout.flush()


def _serve(application: Any, without: str, told: int) -> NoReturn:
    from flowapp.dispatch.embedded import EmbeddedDispatcher
    from tests.torture import injection

    try:
        injection.sweep_often()
        injection.take_out(without)
        EmbeddedDispatcher(concurrency=CONCURRENCY).start()
        config = uvicorn.Config(application, port=0, lifespan="off", log_config=None, access_log=False, ws="none")
        server = uvicorn.Server(config)
        threading.Thread(target=_tell, args=(server, told), daemon=True).start()
        server.run()
    finally:
        sys.stderr.flush()
        os._exit(1)


def _tell(server: uvicorn.Server, told: int) -> None:
    while not server.started:
        time.sleep(0.02)
    os.write(told, f"{server.servers[0].sockets[0].getsockname()[1]}\n".encode())
    os.close(told)


class Sites:
    """Those that run now."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent
        self._pids: list[int] = []

    def start(self, count: int, without: str = "") -> list[str]:
        """So many, in the environment of this process; their addresses."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        addresses = []
        for _ in range(count):
            self._parent.stdin.write(f"{without}\n")
            self._parent.stdin.flush()
            pid, _, port = self._parent.stdout.readline().strip().partition(" ")
            if not port:
                raise RuntimeError("a site did not start: sites.log says why")
            self._pids.append(int(pid))
            addresses.append(f"127.0.0.1:{port}")
        return addresses

    def stop(self) -> None:
        """End all of them."""
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._pids.clear()


@contextmanager
def parent(folder: Path) -> Iterator[Sites]:
    """From which they come."""
    with (folder / "sites.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.torture.site"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    with process:
        sites = Sites(process)
        try:
            yield sites
        finally:
            sites.stop()
            process.kill()


if __name__ == "__main__":
    main()
