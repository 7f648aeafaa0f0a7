"""The engine's own ctx verbs: steps, sleeps, signals, and what must be the same on replay."""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

from . import codec
from .durations import Duration, seconds
from .errors import WaitTimeout
from .registry import StepDefinition, define_step
from .retry import Retry

if TYPE_CHECKING:
    from .driver import RunDriver

_MISSING: Any = object()


class EngineVerbs:
    """What a workflow's body can do with the engine alone; flowapp.context adds the rooms' verbs."""

    def __init__(self, runtime: RunDriver) -> None:
        self._runtime = runtime

    @property
    def run_id(self) -> UUID:
        """The id of this run."""
        return self._runtime.run.id

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that knows the run and its workflow."""
        run = self._runtime.run
        return logging.LoggerAdapter(
            logging.getLogger("flowapp.workflow"), {"run_id": str(run.id), "workflow": run.workflow}
        )

    @overload
    def step[*Ts, R](
        self,
        name: str,
        fn: Callable[[*Ts], Awaitable[R]],
        *args: *Ts,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        queue: str | None = None,
        at_most_once: bool | None = None,
    ) -> Future[R]: ...
    @overload
    def step[*Ts, R](
        self,
        name: str,
        fn: Callable[[*Ts], R],
        *args: *Ts,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        queue: str | None = None,
        at_most_once: bool | None = None,
    ) -> Future[R]: ...

    def step(
        self,
        name: str,
        fn: Callable[..., Any],
        *args: Any,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        queue: str | None = None,
        at_most_once: bool | None = None,
    ) -> Future[Any]:
        """Run `fn(*args)` once as the step `name`, checkpoint its outcome, and return the typed result.

        Raises what the function raised, after its retries; StepTimeout; NotSerializable naming the value's path.
        """
        definition = fn if isinstance(fn, StepDefinition) else _plain_step(fn)
        changes: dict[str, Any] = {}
        if retry is not None:
            changes["retry"] = retry
        if timeout is not None:
            changes["timeout"] = seconds(timeout)
        if queue is not None:
            changes["queue"] = queue
        if at_most_once is not None:
            changes["at_most_once"] = at_most_once
        if changes:
            definition = replace(definition, **changes)
        return self._runtime.call_step(definition, name, args, {})

    def sleep(self, duration: Duration) -> Future[None]:
        """Wait durably; the deadline is fixed when first reached."""
        return self._runtime.wait("sleep", "sleep", identity=None, timeout=duration, decode=lambda _: None)

    def sleep_until(self, moment: datetime) -> Future[None]:
        """Wait durably until a moment (aware, or taken as UTC)."""
        at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return self._runtime.wait("sleep", "sleep", identity=at, due_at=at, decode=lambda _: None)

    def wait_for_signal[T](
        self, name: str, *, type: type[T] | Any = Any, timeout: Duration | None = None, default: T | Any = _MISSING
    ) -> Future[T]:
        """The next signal of this name, as `type`. Signals sent before are buffered and taken in order.

        Raises WaitTimeout when the timeout passes and no default was given.
        """

        def decode(outcome: bytes | None) -> T:
            if outcome is not None:
                value: T = codec.decode(outcome, type)
                return value
            if default is not _MISSING:
                return default  # type: ignore[no-any-return]
            raise WaitTimeout(f"no signal {name!r} arrived within {timeout}")

        return self._runtime.wait(
            "signal", f"signal:{name}", identity=name, subject=name, timeout=timeout, decode=decode
        )

    def now(self) -> datetime:
        """The run's own time: when the last outcome was recorded. The same on replay."""
        return self._runtime.time

    def uuid(self) -> UUID:
        """A unique id, the same on replay."""
        return self._runtime.uuid()

    def random(self) -> float:
        """A number in [0, 1), the same on replay."""
        return self._runtime.random.random()


@lru_cache(maxsize=4096)
def _plain_step(fn: Callable[..., Any]) -> StepDefinition[..., Any]:
    return define_step(fn)
