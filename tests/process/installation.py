"""Flowapp as people run it: `flowapp dev`, and `flowapp worker` where there is a broker; killed, and started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tests.process.ledger import Ledger

ROOT = Path(__file__).parents[2]
_LOST = (URLError, HTTPException, ConnectionError, TimeoutError)
PATIENCE = 40.0  # seconds for anything that should take moments


class Refused(Exception):
    """The server answered with a problem."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status


class Process:
    """One process of the installation, leader of its own group."""

    def __init__(self, name: str, command: list[str], environ: dict[str, str], folder: Path) -> None:
        self.name, self._command, self._environ = name, command, environ
        self.log = folder / f"{name}.log"
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command, env=self._environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def kill(self) -> None:
        """End its whole group, as `kill -9` does."""
        if self._popen is not None and self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()


class Installation:
    """A server, perhaps a worker, and the keys to it. Dead processes are started again when it is used."""

    def __init__(self, folder: Path, ledger: Ledger, *, database_url: str = "", broker_url: str = "") -> None:
        self.ledger = ledger
        self.home = folder / "home"
        self.home.mkdir()
        self.armed = folder / "armed"
        injection = folder / "injection.json"
        injection.write_text(json.dumps({"ledger": ledger.address, "armed": str(self.armed)}))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWAPP_", "DJANGO_"))}
        environ |= {
            "FLOWAPP_HOME": str(self.home),
            "FLOWAPP_DATABASE_URL": database_url,
            "FLOWAPP_BROKER_URL": broker_url,
            "FLOWAPP_WORKFLOWS": "tests.process.injection,tests.process.workflows",
            "TEST_INJECTION": str(injection),
        }
        flowapp = [str(Path(sys.executable).with_name("flowapp"))]
        self._environ, self._folder = environ, folder
        self.server = Process("server", [*flowapp, "dev", "--port", str(self._port)], environ, folder)
        self.worker = self.new_worker("worker") if broker_url else None

    def new_worker(self, name: str) -> Process:
        """A worker, not started yet; but for the installation's own one, who asks for it starts and ends it."""
        flowapp = str(Path(sys.executable).with_name("flowapp"))
        return Process(name, [flowapp, "worker", "--concurrency", "4"], self._environ, self._folder)

    @property
    def executing(self) -> Process:
        """The process that executes runs."""
        return self.worker or self.server

    def revive(self) -> None:
        """Start what is dead; returns once the server answers."""
        if not self.server.alive:
            (self.home / "dev.json").unlink(missing_ok=True)
            self.server.start()
            self.until("the server to be ready", lambda: (self.home / "dev.json").exists() or not self.server.alive)
        if self.worker is not None and not self.worker.alive:
            self.worker.start()

    def stop(self) -> None:
        for process in (self.server, self.worker):
            if process is not None:
                process.kill()

    def get(self, path: str) -> Any:
        return self._persist("GET", path, None)

    def start_run(self, workflow: str, input: Any, key: str) -> str:
        """Start a run; who loses the connection sends again with the same key."""
        body = {"input": input, "idempotency_key": key}
        run_id: str = self._persist("POST", f"workflows/{workflow}/run", body)["id"]
        return run_id

    def tell(self, path: str, body: Any, *, person: str = "") -> None:
        """Send once; the connection may be lost, and then nobody knows whether it counted."""
        self.revive()
        with contextlib.suppress(*_LOST):
            self._call("POST", path, body, person)

    def until[T](self, what: str, found: Callable[[], T]) -> T:
        """What `found` finds, once it does."""
        end = time.monotonic() + PATIENCE
        while not (value := found()):
            if time.monotonic() > end:
                raise AssertionError(f"waited {PATIENCE:g} s for {what}\n{self._logs()}")
            time.sleep(0.03)
        return value

    def _persist(self, method: str, path: str, body: Any) -> Any:
        def answered() -> tuple[Any] | None:
            self.revive()
            try:
                return (self._call(method, path, body),)
            except _LOST:
                return None

        return self.until(f"{method} {path}", answered)[0]

    def _call(self, method: str, path: str, body: Any, person: str = "") -> Any:
        card = json.loads((self.home / "dev.json").read_text())
        keys = {user["email"].partition("@")[0]: user["api_key"] for user in card["users"]}
        request = Request(f"http://127.0.0.1:{self._port}/v1/{path}", method=method)
        request.add_header("Authorization", f"Bearer {keys.get(person, card['api_key'])}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise Refused(error.code, json.loads(error.read() or b"null")) from None

    def _logs(self) -> str:
        logs = (process.log for process in (self.server, self.worker) if process is not None and process.log.exists())
        return "\n".join(f"-- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)
