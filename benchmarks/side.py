"""The harness's end of the talk with a side: starts its processes, asks all of them at once, stops them."""

import contextlib
import json
import select
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import IO, Any, Self

_ANSWER_SECONDS = 120
_STOP_SECONDS = 30


class SideFailed(RuntimeError):
    """A side did not start or did not answer; the message holds the end of what it printed."""


class Side:
    """One product under measurement, in one or several processes that share a database."""

    def __init__(self, module: str, *, processes: int = 1, **options: Any):
        self._module = module
        self._options = [{**options, "index": index} for index in range(processes)]
        self._processes: list[subprocess.Popen[str]] = []
        self._logs: list[IO[str]] = []

    @property
    def processes(self) -> int:
        return len(self._options)

    def __enter__(self) -> Self:
        try:
            for options in self._options:
                log = tempfile.TemporaryFile("w+")
                self._logs.append(log)
                command = [sys.executable, "-m", f"benchmarks.sides.{self._module}", json.dumps(options)]
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
                )
                self._processes.append(process)
                # One after the other: the first one makes the tables.
                self._heard(len(self._processes) - 1)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for process in self._processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in self._logs:
            log.close()

    def ask(self, **question: Any) -> list[dict[str, Any]]:
        """Ask every process the same, at the same time, and return their answers."""
        for process in self._processes:
            assert process.stdin
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
        return [self._heard(index) for index in range(len(self._processes))]

    def _heard(self, index: int) -> dict[str, Any]:
        process = self._processes[index]
        assert process.stdout
        # An answer is one line, so nothing of it can wait unseen in the reader's buffer.
        if not select.select([process.stdout], [], [], _ANSWER_SECONDS)[0]:
            raise SideFailed(f"{self._module} gave no answer in {_ANSWER_SECONDS} s: {self._last_words(index)}")
        line = process.stdout.readline()
        if not line:
            process.wait(_STOP_SECONDS)
            raise SideFailed(f"{self._module} stopped: {self._last_words(index)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self, index: int) -> str:
        self._logs[index].seek(0)
        lines = [line for line in self._logs[index].read().splitlines() if line.strip()]
        return " / ".join(lines[-3:])
