"""The outside world: a process of its own that writes down every effect, as it comes and by its idempotency key.

A step may also announce that it begins, which is no effect: it tells afterwards who was inside a step and died.

`python -m tests.process.ledger SOCKET FILE` serves; a client sends one effect a connection and waits until it is
written. The file has one JSON line an effect, in the order of arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect as it reached the ledger, or the announcement that it begins.

    `repeat`: its key was there before; `conflict`: with other content.
    """

    key: str
    what: Any
    pid: int
    begins: bool
    at: float
    repeat: bool
    conflict: bool

    @property
    def run_id(self) -> str:
        return self.key.partition(":")[0].partition(".")[0]


class Ledger:
    """The ledger as the tests read it."""

    def __init__(self, address: str, file: Path) -> None:
        self.address = address
        self._file = file
        self._followed = 0  # bytes
        self._inside: dict[str, int] = {}

    def all(self) -> list[Effect]:
        """Everything written so far, announcements included."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [Effect(**json.loads(line)) for line in lines]

    def busy(self) -> set[int]:
        """The processes that are inside a step now, as far as the ledger knows; asked again, it reads what is new."""
        if self._file.exists():
            with self._file.open("rb") as file:
                file.seek(self._followed)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._followed += len(whole)
            for effect in map(json.loads, whole.splitlines()):
                if effect["begins"]:
                    self._inside[effect["key"]] = effect["pid"]
                else:
                    self._inside.pop(effect["key"], None)
        return set(self._inside.values())

    def effects(self, run_id: str) -> list[Effect]:
        """What one run did."""
        return [effect for effect in self.all() if effect.run_id == run_id and not effect.begins]

    def counts(self, run_id: str) -> dict[str, int]:
        """How often each of a run's effects arrived, by the part of its key after the run's id."""
        return dict(Counter(effect.key.partition(":")[2] for effect in self.effects(run_id)))


def record(address: str, key: str, what: Any, *, begins: bool = False) -> None:
    """Have an effect, or that it begins, written down; returns once it is."""
    line = json.dumps({"key": key, "what": what, "pid": os.getpid(), "begins": begins})
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        connection.sendall(line.encode() + b"\n")
        connection.recv(1)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Ledger]:
    """A ledger process with its file in `folder`, for this block."""
    address, file = str(folder / "ledger.socket"), folder / "ledger.jsonl"
    process = subprocess.Popen([sys.executable, "-m", "tests.process.ledger", address, str(file)])
    end = time.monotonic() + _START_SECONDS
    try:
        while not Path(address).exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the ledger did not start")
            time.sleep(0.01)
        yield Ledger(address, file)
    finally:
        process.kill()
        process.wait()


async def _serve(address: str, path: str) -> None:
    known: dict[str, Any] = {}
    with Path(path).open("a", encoding="utf-8") as file:  # noqa: ASYNC230 - its one job is to write this file

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if line := await reader.readline():
                effect = json.loads(line) | {"at": time.time()}
                repeat = effect["key"] in known
                first = effect["what"] if effect["begins"] else known.setdefault(effect["key"], effect["what"])
                file.write(json.dumps(effect | {"repeat": repeat, "conflict": first != effect["what"]}) + "\n")
                file.flush()
                writer.write(b"+")
            writer.close()

        server = await asyncio.start_unix_server(take, address, backlog=512)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
