"""The engine in the caller's own thread and connection: what tests execute runs with."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from asgiref.sync import async_to_sync, sync_to_async

from flowapp.tenancy.ids import uuid7

from . import store
from .executor import Executor
from .store import Outcome, Write

WORKER = uuid7()
CLAIM_AT_MOST = 10


def execute_ready(*, always_suspend: bool = False) -> None:
    """Execute runs until none is ready. `always_suspend` drops the body after every step."""
    async_to_sync(_execute)(always_suspend)


async def _execute(always_suspend: bool) -> None:
    loop = asyncio.get_running_loop()
    commits = _InlineCommits(loop)
    executor = Executor(loop, commits, _run_sync, read_output=store.read_output, always_suspend=always_suspend)
    claim = sync_to_async(store.claim, thread_sensitive=True)
    while claimed := await claim(WORKER, ["default"], CLAIM_AT_MOST):
        idle = asyncio.Event()

        def finished(idle: asyncio.Event = idle) -> None:
            if not executor.drivers:
                idle.set()

        for one in claimed:
            executor.accept(one, finished)
        await idle.wait()
        await commits.drained()


class _InlineCommits:
    """Commits one write at a time on the caller's connection, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[tuple[Write, Callable[[Outcome], None]]] = deque()
        self._work: asyncio.Task[None] | None = None

    def submit(self, write: Write, done: Callable[[Outcome], None]) -> None:
        self._queue.append((write, done))
        if self._work is None:
            self._work = self._loop.create_task(self._commit())

    async def drained(self) -> None:
        """Wait until everything that was submitted is committed."""
        while self._work is not None:
            await self._work

    async def _commit(self) -> None:
        while self._queue:
            write, done = self._queue.popleft()
            done(await sync_to_async(_apply, thread_sensitive=True)(write))
        self._work = None


def _apply(write: Write) -> Outcome:
    try:
        return store.apply([write])[0]
    except Exception as error:
        return error


def _run_sync[T](function: Callable[[], T]) -> Awaitable[T]:
    return sync_to_async(function, thread_sensitive=True)()
