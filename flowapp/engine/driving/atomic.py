"""Atomic steps: the user's database writes and the step's checkpoint are one transaction."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError

from flowapp.engine import store
from flowapp.engine.records import Write
from flowapp.engine.verbs.calls import Call

from .attempts import in_context, overran, result_of
from .outbox import Reservation

if TYPE_CHECKING:
    from flowapp.engine.executor import Executor

    from .driver import RunDriver


async def invoke(executor: Executor, driver: RunDriver, call: Call, started_at: datetime) -> None:
    """Call the user's function and store its checkpoint in one transaction. Raises what the function raised."""
    await Attempt(executor, driver, call, started_at).run()


class Attempt:
    """One attempt of an atomic step."""

    def __init__(self, executor: Executor, driver: RunDriver, call: Call, started_at: datetime) -> None:
        self._executor, self._driver, self._call, self._started_at = executor, driver, call, started_at
        self._reservation: Reservation | None = None
        self._late = False

    async def run(self) -> None:
        await self._driver.outbox.committed()
        try:
            await self._within_timeout(partial(in_context(), store.commit_atomic, self._work))
        except (OperationalError, InterfaceError):
            if self._reservation is None:
                raise  # the user's own statement failed: an ordinary failure
            await self._find_out(self._reservation)
        except BaseException:
            if self._reservation is not None:
                self._driver.steps.release(self._reservation)
            raise
        else:
            assert self._reservation is not None
            self._driver.steps.settle(self._reservation)

    def _work(self) -> Write:
        """In a thread, inside the transaction: the function, then its checkpoint's number."""
        step = self._call.step
        assert step is not None
        output, value = result_of(self._call, step.fn(*self._call.args, **self._call.kwargs))
        reserved: Future[Reservation] = Future()
        self._executor.loop.call_soon_threadsafe(self._reserve, output, value, reserved)
        return reserved.result().write

    def _reserve(self, output: bytes, value: object, reserved: Future[Reservation]) -> None:
        """On the loop's thread: number the outcome, unless it is not wanted any more."""
        try:
            if self._late:
                raise overran(self._call)
            self._reservation = self._driver.steps.reserve(self._call, output, value, self._started_at)
        except Exception as refused:
            reserved.set_exception(refused)
        else:
            reserved.set_result(self._reservation)

    async def _within_timeout(self, work: partial[None]) -> None:
        """Wait for the transaction; one that is over its time and has not been numbered will roll back."""
        assert self._call.step is not None
        running = asyncio.ensure_future(self._executor.run_sync(work))
        await asyncio.wait({running}, timeout=self._call.step.timeout)
        if not running.done() and self._reservation is None:
            self._late = True
            running.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise overran(self._call)
        await running

    async def _find_out(self, reservation: Reservation) -> None:
        """The answer to the commit was lost: ask whether it took place."""
        if await self._executor.until_answered(partial(store.exists, reservation.write)):
            self._driver.steps.settle(reservation)
        else:
            self._driver.steps.release(reservation)
            self._driver.steps.run_again(self._call)
