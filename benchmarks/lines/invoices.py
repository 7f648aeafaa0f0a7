"""examples/invoices with 10,000 of them on two Celery workers, one killed in the middle: each extraction counts once.

The one line that checks rather than compares: a wrong sum, or an extraction that counts twice or never, stops it.
"""

import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psycopg

from benchmarks.figures import Row, Samples
from benchmarks.setting import Setting
from tests import servers
from tests.process.installation import ROOT, Process

_INVOICES, _QUICK_INVOICES = 10_000, 1_000
_START = {"idempotency_key": "bench"}
_SETTLED = Decimal(10)  # what finance says of each that is ambiguous
_PATIENCE = 900.0  # seconds
_NAMES = {"FLOWAPP_WORKFLOWS": "workflows", "PYTHONPATH": str(ROOT / "examples"), "PATH": "/usr/bin:/bin"}

# Every extraction that counted: of the batches that the run waited for to their end.
_COUNTED = """
    SELECT count(*), count(DISTINCT convert_from(substr(step.output, 2), 'UTF8')::json ->> 'number'),
           count(*) FILTER (WHERE step.attempts > 1)
    FROM engine_checkpoint step JOIN engine_run batch ON batch.id = step.run_id
    WHERE batch.parent_id = %s AND batch.status = 'completed' AND step.name = 'extract' AND step.status = 'completed'
"""


def measure(setting: Setting) -> list[Row]:
    count = _QUICK_INVOICES if setting.quick else _INVOICES
    url = setting.postgres.new_database()
    with ExitStack() as stack:
        redis = stack.enter_context(servers.redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowapp-invoices-")))
        seconds, retried = _Installation(stack, folder, url, redis.url).process(count)
    setting.postgres.drop_database(url)
    note = f"with its people's answers; {count:,} extractions counted once each, {retried} of them after a failure"
    line = f"{count:,} invoices, two Celery workers, one killed a third through"
    return [Row(line, Samples((seconds,), "s"), note=note)]


class _Installation:
    """A server and two workers on the examples."""

    def __init__(self, stack: ExitStack, folder: Path, database: str, broker: str) -> None:
        self._home, self._database = folder / "home", database
        self._home.mkdir()
        environ = _NAMES | {
            "FLOWAPP_HOME": str(self._home),
            "FLOWAPP_DATABASE_URL": database,
            "FLOWAPP_BROKER_URL": broker,
        }
        flowapp = str(Path(sys.executable).with_name("flowapp"))
        worker = [flowapp, "worker", "--queues", "default,invoices", "--concurrency", "4"]
        server = Process("server", [flowapp, "dev", "--port", str(_free_port())], environ, folder)
        self._workers = [Process(name, worker, environ, folder) for name in ("first", "second")]
        for process in (server, *self._workers):
            stack.callback(process.kill)
        server.start()
        _until("the server", (self._home / "dev.json").exists)
        self._card = json.loads((self._home / "dev.json").read_text())
        for process in self._workers:
            process.start()
        _until("both workers", lambda: len(self._call("GET", "workers")["items"]) == len(self._workers))

    def process(self, count: int) -> tuple[float, int]:
        """Have a stack processed, one worker killed meanwhile; the seconds, and how many extractions were retried."""
        began = time.monotonic()
        run_id = self._call("POST", "workflows/process-invoices/run", _START | {"input": {"count": count}})["id"]
        _until("a third of them", lambda: self._done(run_id) > count // 3)
        self._workers[0].kill()
        ambiguous = count // 500
        _until("the people's turn", lambda: len(self._asked(run_id)) == ambiguous)
        for prompt in self._asked(run_id):
            answer = {"outcome": "submit", "data": {"total": str(_SETTLED)}}
            self._call("POST", f"prompts/{prompt}/complete", answer, key=self._finance())
        run = _until("the end", lambda: self._ended(run_id))
        seconds = time.monotonic() - began
        clear = (number for number in range(1, count + 1) if number % 500)
        total = sum((Decimal(number % 1000) + Decimal("0.50") for number in clear), ambiguous * _SETTLED)
        expected = {"invoices": count, "settled_by_people": ambiguous, "total": str(total)}
        found = run["output"] and run["output"] | {"total": str(Decimal(run["output"]["total"]))}
        with psycopg.connect(self._database) as connection:
            counted, distinct, retried = connection.execute(_COUNTED, (run_id,)).fetchone() or (0, 0, 0)
        if (run["status"], found, counted, distinct) != ("completed", expected, count, count):
            raise AssertionError(f"{run['status']}: {found}, not {expected}; {counted} counted, {distinct} different")
        if retried < count // 97:
            raise AssertionError(f"every 97th fails at first, and only {retried} were retried")
        return seconds, retried

    def _done(self, run_id: str) -> int:
        return sum(wait.get("done", 0) for wait in self._call("GET", f"runs/{run_id}")["waiting_on"])

    def _asked(self, run_id: str) -> list[str]:
        pending = self._call("GET", f"prompts?status=pending&run_id={run_id}&limit=200")
        return [prompt["id"] for prompt in pending["items"]]

    def _ended(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self._call("GET", f"runs/{run_id}")
        return run if run["ended_at"] or run["status"] == "needs_attention" else {}

    def _finance(self) -> str:
        key: str = next(user["api_key"] for user in self._card["users"] if "finance" in user["groups"])
        return key

    def _call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        request = Request(f"{self._card['base_url']}/v1/{path}", method=method)  # noqa: S310 - our own server
        request.add_header("Authorization", f"Bearer {key or self._card['api_key']}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        return _until(path, lambda: _answer(request))[0]


def _answer(request: Request) -> tuple[Any] | None:
    """The answer; None while the server starts anew, which it does when somebody edits its code."""
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return (json.load(answer),)
    except HTTPError:
        raise
    except (URLError, HTTPException, ConnectionError, TimeoutError):
        return None


def _until[T](what: str, found: Callable[[], T]) -> T:
    end = time.monotonic() + _PATIENCE
    while not (value := found()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {_PATIENCE:g} s for {what}")
        time.sleep(0.2)
    return value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
