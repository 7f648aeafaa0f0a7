"""The engine in the caller's own thread and connection: what tests, and the demo's story, execute runs with."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from asgiref.sync import async_to_sync, sync_to_async

from flowapp.tenancy.ids import uuid7

from . import signals, store
from .driving.driver import RunDriver
from .driving.runtime import Runtime
from .executor import Executor
from .line import claims
from .records import Outcome, Write
from .sweep import recover_runs_of
from .verbs.calls import Call

WORKER = uuid7()
CLAIM_AT_MOST = 10


class Rehearsal(Protocol):
    """What a test may change about the execution of runs (flowapp.testing)."""

    def context(self, runtime: Runtime) -> Any: ...
    def attempt(self, call: Call) -> None: ...
    def dies(self, write: Write, *, before: bool) -> bool: ...


def execute_ready(
    *, always_suspend: bool = False, rehearsal: Rehearsal | None = None, queues: Sequence[str] = ("default",)
) -> None:
    """Execute runs until none is ready. `always_suspend` drops the body after every outcome."""
    async_to_sync(execute)(always_suspend=always_suspend, rehearsal=rehearsal, queues=queues)


async def execute(
    *, always_suspend: bool = False, rehearsal: Rehearsal | None = None, queues: Sequence[str] = ("default",)
) -> None:
    """`execute_ready` for async callers, such as an async test."""
    loop = asyncio.get_running_loop()
    commits = _InlineCommits(loop, rehearsal)
    executor = _RehearsingExecutor(loop, commits, _run_sync, always_suspend=always_suspend)
    executor.rehearsal = rehearsal
    commits.crashed = executor.abandon_all
    claim = sync_to_async(partial(claims.claim, leased=False), thread_sensitive=True)
    while claimed := await claim(WORKER, queues, CLAIM_AT_MOST):
        over = [loop.create_future() for _ in claimed]
        for one, ended in zip(claimed, over, strict=True):
            executor.accept(one, partial(_end, ended))
        await asyncio.gather(*over)
        await commits.drained()
        if commits.dead:
            await sync_to_async(recover_runs_of, thread_sensitive=True)([WORKER])
            commits.dead = False


def _end(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


class _RehearsingExecutor(Executor):
    """An executor that lets a test have its say."""

    rehearsal: Rehearsal | None = None

    def make_context(self, runtime: Runtime) -> Any:
        return super().make_context(runtime) if self.rehearsal is None else self.rehearsal.context(runtime)

    def run_step(self, driver: RunDriver, call: Call) -> None:
        if self.rehearsal is not None:
            self.rehearsal.attempt(call)
        super().run_step(driver, call)


class _InlineCommits:
    """Commits one write at a time on the caller's connection, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rehearsal: Rehearsal | None) -> None:
        self._loop = loop
        self._rehearsal = rehearsal
        self.crashed: Callable[[], None] = lambda: None
        self.dead = False
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
            if self._dies(write, before=True):
                continue
            outcome = await sync_to_async(_apply, thread_sensitive=True)(write)
            if not self._dies(write, before=False):
                self._loop.call_soon(done, outcome)
                await asyncio.sleep(0)  # what `done` submits belongs to this work
        self._work = None

    def _dies(self, write: Write, *, before: bool) -> bool:
        """Whether the worker is dead, or dies here: nothing more is committed or heard."""
        if not self.dead and self._rehearsal is not None and self._rehearsal.dies(write, before=before):
            self.dead = True
            self.crashed()
        return self.dead


def _apply(write: Write) -> Outcome:
    try:
        (outcome,) = store.apply([write])
        signals.tell(write.workspace_id, "run", str(write.run_id))
        return outcome
    except Exception as error:
        return error


def _run_sync[T](function: Callable[[], T]) -> Awaitable[T]:
    return sync_to_async(function, thread_sensitive=True)()
