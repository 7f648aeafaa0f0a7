"""Runs the steps of this process's runs, on its event loop (async) or in threads (sync), and feeds the store."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Model
from django.utils.module_loading import import_string

from flowapp.tenancy.scope import scoped

from . import clock, codec, store
from .calls import Call, WaitTicket
from .driver import Reservation, RunDriver
from .errors import Fenced, StepTimeout
from .registry import AttemptInfo, current_attempt
from .store import AttemptRow, Claimed, Outcome, Write

if TYPE_CHECKING:
    from .calls import Key

SHOW_AFTER = 0.3  # seconds after which a running step gets a row, so that people see it


class Commits(Protocol):
    """Where writes go: the group commit, or the caller's own connection in tests."""

    def submit(self, write: Write, done: Callable[[Outcome], None]) -> None: ...


class RunSync(Protocol):
    """How sync functions run beside the loop."""

    def __call__[T](self, function: Callable[[], T]) -> Awaitable[T]: ...


class Executor:
    """The runs this process holds. All its methods run on its loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        commits: Commits,
        run_sync: RunSync,
        *,
        read_output: Callable[[UUID, Key], bytes],
        always_suspend: bool = False,
    ) -> None:
        self.loop = loop
        self.store = commits
        self.run_sync = run_sync
        self.read_output = read_output
        self.always_suspend = always_suspend
        self.drivers: dict[UUID, RunDriver] = {}

    def accept(self, claimed: Claimed, finished: Callable[[], None] = lambda: None) -> None:
        """Drive a claimed run until it suspends, ends or is lost; then call `finished`."""

        def over(driver: RunDriver) -> None:
            if self.drivers.get(driver.run.id) is driver:
                del self.drivers[driver.run.id]
            finished()

        driver = RunDriver(self, claimed, over)
        previous = self.drivers.pop(claimed.run.id, None)
        if previous is not None:
            previous.abandon()
        self.drivers[claimed.run.id] = driver
        driver.start()

    def nudge(self, run_id: UUID) -> None:
        """Have a run look at what arrived."""
        if driver := self.drivers.get(run_id):
            driver.nudge()

    def abandon_all(self) -> None:
        """Drop every run: the lease is lost or the process stops. Their fences keep what comes late from counting."""
        for driver in list(self.drivers.values()):
            driver.abandon()

    def make_context(self, driver: RunDriver) -> Any:
        """The `ctx` of a body; its class composes the rooms' verbs and is named in the settings."""
        return _context_class()(driver)

    def run_step(self, driver: RunDriver, call: Call) -> None:
        """Start one attempt of a step."""
        context = contextvars.Context()
        call.task = self.loop.create_task(self._attempt(driver, call), context=context)

    def prepare(self, driver: RunDriver, call: Call) -> None:
        """Build the rows of a wait in a thread."""
        self.loop.create_task(self._prepare(driver, call), context=contextvars.Context())

    async def _attempt(self, driver: RunDriver, call: Call) -> None:
        assert call.step is not None
        started_at = clock.now()
        shown = self.loop.call_later(SHOW_AFTER, driver.step_runs_long, call, started_at)
        try:
            if call.step.at_most_once:
                await self._announce(driver, call, started_at)
            name, occurrence = call.key
            current_attempt.set(AttemptInfo(f"{_life(driver)}:{name}:{occurrence}", call.attempt))
            with scoped(driver.run.workspace_id):
                if call.step.atomic:
                    await self._invoke_atomic(driver, call, started_at)
                    return
                value = await self._invoke(call)
            output = codec.encode(value)
        except Fenced:
            driver.abandon()
        except asyncio.CancelledError:
            driver.step_dropped()
            raise
        except Exception as error:
            driver.step_failed(call, error, started_at)
        else:
            driver.step_succeeded(call, output, started_at)
        finally:
            shown.cancel()

    async def _invoke(self, call: Call) -> Any:
        """Call the user's function. Raises StepTimeout; a sync function that overruns is left behind in its thread."""
        step = call.step
        assert step is not None
        if step.is_async and step.timeout is None:
            return await step.fn(*call.args, **call.kwargs)
        try:
            async with asyncio.timeout(step.timeout) as limit:
                if step.is_async:
                    return await step.fn(*call.args, **call.kwargs)
                value = await self.run_sync(partial(_in_context(), step.fn, *call.args, **call.kwargs))
                return await value if inspect.isawaitable(value) else value
        except TimeoutError as error:
            if limit.expired():
                raise StepTimeout(f"step {step.name!r} took longer than its timeout of {step.timeout:g} s") from error
            raise

    async def _invoke_atomic(self, driver: RunDriver, call: Call, started_at: datetime) -> None:
        """Call the user's function and store its checkpoint in one transaction."""
        step = call.step
        assert step is not None
        reservations: list[Reservation] = []

        def work() -> Write:
            output = codec.encode(step.fn(*call.args, **call.kwargs))
            reserved = asyncio.run_coroutine_threadsafe(self._reserve(driver, call, output, started_at), self.loop)
            reservations.append(reserved.result())
            return reservations[0].write

        try:
            await self.run_sync(partial(_in_context(), store.commit_atomic, work))
        except (OperationalError, InterfaceError):
            if not reservations:
                raise  # the user's own statement failed: an ordinary failure
            if await self._exists(reservations[0].write):
                driver.settle(reservations[0])
            else:
                driver.release(reservations[0])
                driver.run_again(call)
        except Exception:
            if reservations:
                driver.release(reservations[0])
            raise
        else:
            driver.settle(reservations[0])

    async def _reserve(self, driver: RunDriver, call: Call, output: bytes, started_at: datetime) -> Reservation:
        return driver.reserve(call, output, started_at)

    async def _exists(self, write: Write) -> bool:
        """Whether a commit whose answer was lost took place; asks until the database answers."""
        while True:
            try:
                return await self.run_sync(partial(store.exists, write))
            except (OperationalError, InterfaceError):
                await asyncio.sleep(0.5)

    async def _announce(self, driver: RunDriver, call: Call, started_at: datetime) -> None:
        """Commit that an at-most-once step begins, before it does."""
        committed: asyncio.Future[None] = self.loop.create_future()

        def done(outcome: Outcome) -> None:
            if committed.done():
                return
            if isinstance(outcome, Exception):
                committed.cancel()
            else:
                committed.set_result(None)

        row = AttemptRow(*call.key, call.attempt, call.args_hash, started_at)
        self.store.submit(driver.write_attempt(row), done)
        await committed

    async def _prepare(self, driver: RunDriver, call: Call) -> None:
        run = driver.run
        assert call.prepare is not None
        key = f"{call.key[0]}#{call.key[1]}"
        ticket = WaitTicket(run.id, run.workspace_id, run.fence, key, run.workflow, driver.requester)
        rows: Sequence[Model] | BaseException
        try:
            with scoped(run.workspace_id):
                rows = await self.run_sync(partial(_in_context(), call.prepare, ticket))
        except Exception as error:
            rows = error
        driver.prepared(call, rows)


def _life(driver: RunDriver) -> str:
    """The run, told apart from its earlier lives when it continued as new."""
    return f"{driver.run.id}.{driver.run.generation}" if driver.run.generation else str(driver.run.id)


def _in_context() -> Callable[..., Any]:
    """Carries the scope and the step's own facts into another thread."""
    return contextvars.copy_context().run


@lru_cache(maxsize=1)
def _context_class() -> Any:
    return import_string(settings.FLOWAPP_CONTEXT)
