"""Celery workers in processes of their own, on the case's database: killed with SIGKILL, stopped, and replaced.

One nursery (nursery.py) forks them for all cases of a test run. Between two cases no worker lives.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

import redis
from celery import Celery
from django.db import connection

from flowapp.dispatch.celery import MESSAGE_EXPIRES, TASK
from flowapp.engine import clock, signals

from .shared import Shared

PATIENCE = 20.0
NAME = "flowapp-case"  # of the workers' connections to the database, until the engine names them


class CeleryProcess:
    """The worker that executes a case's runs, and its replacements."""

    def __init__(self, folder: Path, broker_url: str, modules: list[str]) -> None:
        self.shared = Shared(folder)
        self._log = folder / "worker.log"
        self._broker_url = broker_url
        self._bell = Celery(broker=broker_url, set_as_current=False)
        self._pids: list[int] = []
        self._stopped = 0
        environ = os.environ | {
            "FLOWAPP_DATABASE_URL": f"{_database_url()}?application_name={NAME}",
            "FLOWAPP_BROKER_URL": broker_url,
            "FLOWAPP_WORKFLOWS": ",".join(modules),
            "CELERY_SKIP_CHECKS": "1",  # Django's own, which would take longer than a case
        }
        command = [sys.executable, "-m", "tests.cases.nursery", str(folder)]
        self._nursery = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def close(self) -> None:
        """End the nursery, and whatever it still has."""
        self._nursery.communicate()

    @contextmanager
    def executing(self) -> Iterator[None]:
        """Within this block a worker executes what becomes ready."""
        self.shared.clear()
        with redis.Redis.from_url(self._broker_url) as client:
            client.flushdb()
        signals.ready.connect(self._ring)
        try:
            with mock.patch.object(clock, "_clock", self.shared.clock):
                self.start()
                yield
        finally:
            signals.ready.disconnect(self._ring)
            self._end()

    def start(self) -> int:
        """One more worker; its process id."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write("one\n")
        self._nursery.stdin.flush()
        self._pids.append(int(self._nursery.stdout.readline()))
        return self._pids[-1]

    def wait(self) -> None:
        """Return once the worker that was started last is dead; the nursery leaves no zombies."""
        _until(lambda: not _alive(self._pids[-1]), f"the worker did not die\n{self._log.read_text()[-3000:]}")

    def stop(self) -> None:
        """Let the worker that was started last stand still, as a machine does that swaps."""
        self._stopped = self._pids[-1]
        os.killpg(self._stopped, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        os.killpg(self._stopped, signal.SIGCONT)

    def _ring(self, sender: object, *, queue: str, **_: Any) -> None:
        self._bell.send_task(TASK, queue=queue, expires=MESSAGE_EXPIRES, retry=False)

    def _end(self) -> None:
        """Kill what lives, and wait until the database has noticed: what they had sent may still be committed."""
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        pids = [str(pid) for pid in self._pids]
        self._pids.clear()
        _until(lambda: not _connections(pids), "the killed workers' connections did not end")


def _until(condition: Callable[[], object], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.005)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _connections(pids: list[str]) -> int:
    """How many connections these processes have, named by the engine (flowapp.engine.sessions) or not yet."""
    named = "application_name LIKE 'flowapp %%' AND split_part(application_name, ' ', 3) = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE application_name = %s OR {named}", [NAME, pids])
        return int(cursor.fetchone()[0])


def _database_url() -> str:
    known = connection.settings_dict
    account = f"{quote(known['USER'])}:{quote(known['PASSWORD'])}" if known["PASSWORD"] else quote(known["USER"])
    return f"postgresql://{account}@{known['HOST']}:{known['PORT']}/{known['NAME']}"
