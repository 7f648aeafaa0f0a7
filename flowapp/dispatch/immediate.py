"""The dispatcher of tests: runs execute to their next wait in the caller's own thread and connection, at commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async

from flowapp.engine import signals, store, sweep
from flowapp.engine.executor import Executor
from flowapp.engine.store import Outcome, Write
from flowapp.tenancy.ids import uuid7

WORKER = uuid7()


class ImmediateDispatcher:
    """Executes ready runs at once. `always_suspend` drops the body after every step, to prove that replay is exact."""

    def __init__(self, *, always_suspend: bool = False) -> None:
        self._always_suspend = always_suspend
        self._draining = False
        self._wanted = False

    @contextmanager
    def installed(self) -> Iterator[ImmediateDispatcher]:
        """Answer the doorbell within this block."""
        signals.ready.connect(self._on_ready, weak=False)
        try:
            yield self
        finally:
            signals.ready.disconnect(self._on_ready)

    def sweep(self) -> None:
        """Do what time has made due (move the clock first), and execute what it woke."""
        sweep.sweep()
        self.drain()

    def drain(self) -> None:
        """Execute until no run is ready."""
        self._wanted = True
        if self._draining:
            return
        self._draining = True
        try:
            while self._wanted:
                self._wanted = False
                async_to_sync(self._drain)()
        finally:
            self._draining = False

    def _on_ready(self, sender: object, **_: Any) -> None:
        self.drain()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        commits = _InlineCommits(loop)
        executor = Executor(
            loop, commits, _run_sync, read_output=store.read_output, always_suspend=self._always_suspend
        )
        claim = sync_to_async(store.claim, thread_sensitive=True)
        while claimed := await claim(WORKER, ["default"], 10):
            for one in claimed:
                executor.accept(one)
            await self._until_idle(executor, commits)

    async def _until_idle(self, executor: Executor, commits: _InlineCommits) -> None:
        while executor.drivers or commits.busy:
            await asyncio.sleep(0.001)


class _InlineCommits:
    """Commits one write at a time on the caller's connection, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[tuple[Write, Callable[[Outcome], None]]] = deque()
        self.busy = False

    def submit(self, write: Write, done: Callable[[Outcome], None]) -> None:
        self._queue.append((write, done))
        if not self.busy:
            self.busy = True
            self._task = self._loop.create_task(self._work())

    async def _work(self) -> None:
        while self._queue:
            write, done = self._queue.popleft()
            done(await sync_to_async(_apply, thread_sensitive=True)(write))
        self.busy = False


def _apply(write: Write) -> Outcome:
    try:
        return store.apply([write])[0]
    except Exception as error:
        return error


def _run_sync[T](function: Callable[[], T]) -> Awaitable[T]:
    return sync_to_async(function, thread_sensitive=True)()


