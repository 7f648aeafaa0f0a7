"""`flowapp dev` as people run it: a process in a project folder of its own, on a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

FLOWAPP = str(Path(sys.executable).with_name("flowapp"))
_PATIENCE = 30.0  # seconds for what should take two


def environ(**more: str) -> dict[str, str]:
    """This process's environment without what the tests set for Django."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWAPP_", "DJANGO_"))}
    return kept | more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def flowapp(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [FLOWAPP, *arguments],
        cwd=folder,
        env=environ(**variables),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def until[T](what: str, found: Callable[[], T]) -> T:
    """What `found` finds, once it does."""
    end = time.monotonic() + _PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, f"waited {_PATIENCE:g} s for {what}"
        time.sleep(0.02)
    return value


class DevServer:
    """A project folder and the `flowapp dev` in it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self.port, self._variables = folder, free_port(), variables
        self.home = folder / ".flowapp"
        self.log = folder / "dev.log"
        self.process: subprocess.Popen[bytes] | None = None
        workflows = folder / "workflows"
        workflows.mkdir(exist_ok=True)
        (workflows / "__init__.py").write_text('"""The test\'s own workflows."""\n')

    def start(self) -> None:
        """Start, and return when it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [FLOWAPP, "dev", "--port", str(self.port)],
                cwd=self.folder,
                env=environ(**self._variables),
                stdout=log,
                stderr=log,
            )
        until("dev.json", lambda: (self.home / "dev.json").exists() or not self.alive)
        assert self.alive, self.told()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def card(self) -> dict[str, Any]:
        """What dev.json holds."""
        written: dict[str, Any] = json.loads((self.home / "dev.json").read_text())
        return written

    def told(self) -> str:
        """Everything it printed."""
        return self.log.read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(_PATIENCE)

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.process is not None and self.alive:
            self.process.kill()
            self.process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of its user, in the same folder."""
        return flowapp(*arguments, folder=self.folder)

    def key_of(self, name: str) -> str:
        """The API key of one of the demo's people."""
        keys = {user["email"]: user["api_key"] for user in self.card["users"]}
        key: str = keys[f"{name}@acme.example"]
        return key

    def call(self, method: str, path: str, key: str = "", **body: Any) -> Any:
        """One request to the API; the answer's JSON."""
        headers = {"Authorization": f"Bearer {key or self.card['api_key']}"}
        url = f"http://127.0.0.1:{self.port}/v1{path}"
        answer = httpx.request(method, url, headers=headers, json=body or None, trust_env=False)
        assert answer.is_success, answer.text
        return answer.json()

    def prompt_of(self, run_id: str) -> dict[str, Any]:
        """The open prompt of a run, once it has one."""
        pending: list[dict[str, Any]] = until(
            "a prompt", lambda: self.call("GET", f"/prompts?status=pending&run_id={run_id}")["items"]
        )
        return pending[0]
