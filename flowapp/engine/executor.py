"""The runs this process holds, and how their steps run: on its event loop (async) or in threads (sync)."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils.module_loading import import_string

from flowapp.tenancy import scope

from . import telemetry, whereabouts
from .driving import atomic, body_io, ending, openings
from .driving.attempts import in_context, overran, result_of
from .driving.driver import RunDriver
from .driving.steps import attempt_row
from .errors import Fenced, UnknownWorkflow
from .line import claims, knowledge
from .records import Claimed, Outcome, Recorded, Write
from .registry import AttemptInfo, current_attempt
from .verbs.calls import Call

if TYPE_CHECKING:
    from .driving.runtime import Runtime

logger = logging.getLogger("flowapp.engine")
SHOW_AFTER = 0.3  # seconds after which a running step gets a row, so that people see it
ASK_AGAIN = 0.5  # seconds between questions to a database that is away


class Commits(Protocol):
    """Where writes go: the group commit, or the caller's own connection in tests."""

    def submit(self, write: Write, done: Callable[[Outcome], None]) -> None: ...


class RunSync(Protocol):
    """How sync functions run beside the loop."""

    def __call__[T](self, function: Callable[[], T]) -> Awaitable[T]: ...


class Executor:
    """The runs this process holds. All its methods run on its loop's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, commits: Commits, run_sync: RunSync, *, always_suspend: bool = False
    ) -> None:
        body_io.refuse()
        self.loop = loop
        self.store = commits
        self.run_sync = run_sync
        self.always_suspend = always_suspend
        self.drivers: dict[UUID, RunDriver] = {}
        self._tasks: set[asyncio.Task[Callable[[], None]]] = set()

    def accept(self, claimed: Claimed, finished: Callable[[], None] = lambda: None) -> None:
        """Drive a claimed run until it suspends, ends or is lost; then call `finished`."""

        def over(driver: RunDriver) -> None:
            if self.drivers.get(driver.run.id) is driver:
                del self.drivers[driver.run.id]
            finished()

        try:
            driver = RunDriver(self, claimed, over)
        except Exception as error:
            self.store.submit(ending.undriven(claimed.run, error), lambda _: None)
            return finished()
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

    def make_context(self, runtime: Runtime) -> Any:
        """The `ctx` of a body; its class composes the rooms' verbs and is named in the settings."""
        return _context_class()(runtime)

    def run_step(self, driver: RunDriver, call: Call) -> None:
        """Start one attempt of a step. A function that awaits nothing has returned when this does."""
        context = contextvars.Context()
        task = asyncio.Task(self._attempt(driver, call), loop=self.loop, context=context, eager_start=True)
        if not task.done():
            call.task = task
            shown = self.loop.call_later(SHOW_AFTER, driver.steps.runs_long, call)
            task.add_done_callback(lambda _: shown.cancel())

    def prepare(self, driver: RunDriver, calls: Sequence[Call]) -> None:
        """Build the rows of waits in a thread."""
        self._ask(driver, self._prepare(driver, calls))

    def fetch(self, driver: RunDriver, record: Recorded) -> None:
        """Read a large recorded output in a thread."""
        self._ask(driver, self._fetch(driver, record))

    def seek(self, driver: RunDriver, missing: UnknownWorkflow) -> None:
        """Look for a worker that has the workflow of a run, in a thread."""
        self._ask(driver, self._seek(driver, missing))

    def _ask(self, driver: RunDriver, question: Coroutine[Any, Any, Callable[[], None]]) -> None:
        """Ask the database something for a run; what is to be done with the answer then happens by itself."""
        task = self.loop.create_task(question, context=contextvars.Context())
        self._tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(partial(self._answered, driver), context=contextvars.Context())

    def _answered(self, driver: RunDriver, task: asyncio.Task[Callable[[], None]]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        try:
            task.result()()
        except Exception as error:
            driver.broke(error)

    async def _attempt(self, driver: RunDriver, call: Call) -> None:
        try:
            await self._make(driver, call)
        except Exception as error:  # not of the step: of what its outcome set off
            driver.broke(error)

    async def _make(self, driver: RunDriver, call: Call) -> None:
        assert call.step is not None
        assert call.since is not None
        started_at = call.since
        try:
            if call.step.at_most_once:
                await self._announce(driver, call, started_at)
            current_attempt.set(AttemptInfo(_idempotency_key(driver, call), call.attempt))
            whereabouts.enter(driver.run, call)
            if telemetry.observers:
                telemetry.attempting(driver.run, call)
            scope.enter(driver.run.workspace_id)
            if call.step.atomic:
                return await atomic.invoke(self, driver, call, started_at)
            returned = await self._invoke(call)
            output, value = result_of(call, returned)
            driver.outbox.check_room(output)
        except Fenced:
            self.loop.call_soon(driver.abandon)
        except asyncio.CancelledError as error:
            if driver.over or call.key not in driver.runtime.calls:
                driver.steps.dropped(call)
                raise
            driver.steps.failed(call, error, started_at)  # raised by the step itself
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            driver.steps.failed(call, error, started_at)
        else:
            driver.steps.succeeded(call, output, value, started_at)

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
                value = await self.run_sync(partial(in_context(), step.fn, *call.args, **call.kwargs))
                return await value if inspect.isawaitable(value) else value
        except TimeoutError as error:
            if limit.expired():
                raise overran(call) from error
            raise

    async def _announce(self, driver: RunDriver, call: Call, started_at: datetime) -> None:
        """Commit that an at-most-once step begins, before it does."""
        committed: asyncio.Future[Outcome] = self.loop.create_future()

        def done(outcome: Outcome) -> None:
            if not committed.done():
                committed.set_result(outcome)

        self.store.submit(driver.write(attempts=(attempt_row(call, started_at),)), done)
        outcome = await committed
        if isinstance(outcome, Exception):
            raise outcome

    async def _prepare(self, driver: RunDriver, calls: Sequence[Call]) -> Callable[[], None]:
        question = partial(openings.build, driver.run, driver.runtime.requester, calls)
        return partial(driver.prepared, calls, await self.until_answered(question))

    async def _fetch(self, driver: RunDriver, record: Recorded) -> Callable[[], None]:
        read = partial(claims.read_output, driver.run.id, (record.name, record.occurrence))
        return partial(driver.fetched, record, await self.until_answered(read))

    async def _seek(self, driver: RunDriver, missing: UnknownWorkflow) -> Callable[[], None]:
        left = await self.until_answered(partial(knowledge.leave_to_others, driver.run))
        return partial(driver.sought, missing, left)

    async def until_answered[T](self, question: Callable[[], T]) -> T:
        """The database's answer to a question, asked until it comes."""
        while True:
            try:
                return await self.run_sync(question)
            except (OperationalError, InterfaceError):
                await asyncio.sleep(ASK_AGAIN)


def _idempotency_key(driver: RunDriver, call: Call) -> str:
    """run:step:occurrence, of the run that asked for the step."""
    name, occurrence = call.key
    return call.idempotency_key or f"{driver.runtime.life}:{name}:{occurrence}"


@lru_cache(maxsize=1)
def _context_class() -> Any:
    return import_string(settings.FLOWAPP_CONTEXT)
