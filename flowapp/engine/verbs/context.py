"""The engine's own ctx verbs: steps, sleeps, waits, children, locks, and what must be the same on replay.

Workflow modules import it before Django is set up, so what needs the tables is imported when a verb is used.
"""

from __future__ import annotations

import builtins
import inspect
import logging
from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload
from uuid import UUID

from flowapp.engine import codec, expressions, registry, signal_types, whereabouts
from flowapp.engine.durations import Duration, seconds
from flowapp.engine.errors import ContinueAsNew, WaitTimeout
from flowapp.engine.handle import Run
from flowapp.engine.registry import NO_INPUT, StepDefinition, WorkflowDefinition, define_step, step
from flowapp.engine.retry import Retry
from flowapp.tenancy.actors import SYSTEM, Actor

from . import fanout

if TYPE_CHECKING:
    from flowapp.engine.driving.runtime import Runtime

_MISSING: Any = object()


class EngineVerbs:
    """What a workflow's body can do with the engine alone; flowapp.context adds the rooms' verbs."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def run_id(self) -> UUID:
        """The id of this run."""
        return self._runtime.run.id

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that knows the run and its workflow, and stays silent while the body is replayed."""
        return _RunLogger(self._runtime)

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

    def step(  # type: ignore[misc]  # mypy does not see that *Any takes *Ts
        self,
        name: str,
        fn: Any,
        *args: Any,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        queue: str | None = None,
        at_most_once: bool | None = None,
    ) -> Future[Any]:
        """Run `fn(*args)` once as the step `name`, checkpoint its outcome, and return the typed result.

        Raises what the function raised, after its retries; StepTimeout; NotSerializable naming the value's path.
        """
        limit = None if timeout is None else seconds(timeout)
        definition = _configured(fn, retry=retry, timeout=limit, queue=queue, at_most_once=at_most_once)
        return self._runtime.call_step(definition, name, args, {})

    def sleep(self, duration: Duration) -> Future[None]:
        """Wait durably; the deadline is fixed when first reached."""
        return self._runtime.wait("sleep", "sleep", identity=None, timeout=duration, decode=lambda _: None)

    def sleep_until(self, moment: datetime) -> Future[None]:
        """Wait durably until a moment (aware, or taken as UTC); it is fixed when first reached."""
        at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return self._runtime.wait("sleep", "sleep", identity=None, due_at=at, decode=lambda _: None)

    @overload
    def wait_for_signal[T](
        self, name: str, *, type: builtins.type[T], timeout: Duration | None = None
    ) -> Future[T]: ...
    @overload
    def wait_for_signal[T, D](
        self, name: str, *, type: builtins.type[T], timeout: Duration, default: D
    ) -> Future[T | D]: ...
    @overload
    def wait_for_signal(self, name: str, *, timeout: Duration | None = None, default: Any = ...) -> Future[Any]: ...

    def wait_for_signal(
        self, name: str, *, type: Any = Any, timeout: Duration | None = None, default: Any = _MISSING
    ) -> Future[Any]:
        """The next signal of this name, as `type`. Signals sent before are buffered and taken in order.

        Raises WaitTimeout when the timeout passes and no default was given; InvalidSignal when one that was sent before
        is not of this type (while the run waits, such a one is refused).
        """

        def decode(outcome: bytes | None) -> Any:
            if outcome is not None:
                return codec.decode(outcome, type)
            if default is not _MISSING:
                return default
            raise WaitTimeout(f"no signal {name!r} arrived within {timeout}")

        return self._runtime.wait(
            "signal",
            f"signal:{name}",
            identity=name,
            subject=name,
            detail=signal_types.named(type),
            timeout=timeout,
            decode=decode,
        )

    def now(self) -> datetime:
        """The run's own time: when the last outcome was recorded. The same on replay."""
        return self._runtime.time

    def uuid(self) -> UUID:
        """A unique id, the same on replay."""
        return self._runtime.uuid()

    def random(self) -> float:
        """A number in [0, 1), the same on replay."""
        return self._runtime.random()

    @overload
    def map[T, R](
        self,
        name: str,
        fn: Callable[[T], Awaitable[R]],
        items: Iterable[T],
        *,
        limit: int | None = None,
        queue: str | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        on_error: Literal["raise"] = "raise",
    ) -> Awaitable[list[R]]: ...
    @overload
    def map[T, R](
        self,
        name: str,
        fn: Callable[[T], R],
        items: Iterable[T],
        *,
        limit: int | None = None,
        queue: str | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        on_error: Literal["raise"] = "raise",
    ) -> Awaitable[list[R]]: ...
    @overload
    def map[T, R](
        self,
        name: str,
        fn: Callable[[T], Awaitable[R]],
        items: Iterable[T],
        *,
        limit: int | None = None,
        queue: str | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        on_error: Literal["collect"],
    ) -> Awaitable[list[R | BaseException]]: ...
    @overload
    def map[T, R](
        self,
        name: str,
        fn: Callable[[T], R],
        items: Iterable[T],
        *,
        limit: int | None = None,
        queue: str | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        on_error: Literal["collect"],
    ) -> Awaitable[list[R | BaseException]]: ...

    def map[T](
        self,
        name: str,
        fn: Callable[[T], Any],
        items: Iterable[T],
        *,
        limit: int | None = None,
        queue: str | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        on_error: Literal["raise", "collect"] = "raise",
    ) -> Awaitable[list[Any]]:
        """Run a step for every item and keep each outcome; results come in the items' order.

        `limit` bounds how many run at once; `queue` spreads them over the workers of that queue. With
        `on_error="collect"` a failed item's place holds its exception.
        """
        if limit is not None and limit < 1:
            raise ValueError(f"map {name!r}: limit must be at least 1, not {limit}")
        most = None if timeout is None else seconds(timeout)
        definition = _configured(fn, retry=retry, timeout=most, queue=queue)
        if queue is not None or definition.queue not in (None, self._runtime.run.queue):
            return self._runtime.map_elsewhere(definition, name, list(items), limit, collect=on_error == "collect")
        call: Callable[[T], Future[Any]] = lambda item: self._runtime.call_step(definition, name, (item,), {})  # noqa: E731
        return self._map_here(name, call, list(items), limit, on_error)

    async def _map_here(
        self,
        name: str,
        call: Callable[[Any], Future[Any]],
        items: list[Any],
        limit: int | None,
        on_error: Literal["raise", "collect"],
    ) -> list[Any]:
        with self._runtime.mapping(name, len(items)):
            return await fanout.over_items(call, items, limit, on_error)

    async def first(self, **branches: Awaitable[Any]) -> fanout.Winner[Any]:
        """Wait for the branch that finishes first; the others are cancelled."""
        return await fanout.first(branches)

    def wait_for_event[T](
        self, name: str, *, match: str | None = None, timeout: Duration | None = None, default: T | Any = _MISSING
    ) -> Future[Any]:
        """The next event of this name for which `match` (CEL over `event` and `input`) holds, as {id, name, data}.

        Events since the run's start that this run has not taken count. Raises WaitTimeout without a default.
        """
        if match is not None:
            expressions.compile(match)
        input = expressions.plain(self._runtime.input)

        def decode(outcome: bytes | None) -> Any:
            if outcome is not None:
                return codec.decode(outcome)
            if default is not _MISSING:
                return default
            raise WaitTimeout(f"no event {name!r} arrived within {timeout}")

        return self._runtime.wait(
            "event",
            f"event:{name}",
            identity=[name, match],
            subject=name,
            match=(expressions.index_key(match, input) or b"") if match else b"",
            detail={"match": match, "input": input} if match else {},
            timeout=timeout,
            decode=decode,
        )

    def send_event(self, name: str, data: Any = None) -> Future[None]:
        """Publish an event, once."""
        return self._runtime.call_step(_publish, f"send:{name}", (name, data), {}, kind="event")

    def invoke[I, O](self, workflow: WorkflowDefinition[I, O], input: I = NO_INPUT) -> Future[O]:
        """Run a child and wait for its output. Raises ChildFailed when it does not complete, InvalidInput at once."""
        from flowapp.engine import runs

        from . import children

        runs.validated(workflow, input)
        return self._runtime.wait(
            "child",
            workflow.name,
            identity=[workflow.name, input],
            prepare=partial(children.open_child, definition=workflow, input=input),
            decode=partial(children.child_outcome, output_type=workflow.output_type),
        )

    def start[I](self, workflow: WorkflowDefinition[I, Any], input: I = NO_INPUT) -> Future[Run]:
        """Start a run that nobody waits for; returns its handle. Raises InvalidInput."""
        from flowapp.engine import runs

        runs.validated(workflow, input)
        return self._runtime.call_step(
            _start_run,
            f"start:{workflow.name}",
            (workflow.name, workflow.version, input),
            {},
            kind="start",
            decode=lambda output: Run(UUID(codec.decode(output or b""))),
        )

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Hold a durable lock across runs of this workspace; the others wait in order."""
        await self._runtime.wait("lock", f"lock:{key}", identity=key, subject=key, decode=lambda _: None)
        try:
            yield
        finally:
            await self._runtime.call_step(_release, f"unlock:{key}", (key, self.run_id), {}, kind="lock")

    def stream(self, name: str) -> Stream:
        """A durable output stream of this run, which readers can resume at any offset."""
        return Stream(self._runtime, name)

    def patched(self, id: str) -> bool:
        """Whether to take the new path of a code change: false for runs that had already come past it."""
        return self._runtime.patched(id)

    def continue_as_new(self, input: Any = None) -> NoReturn:
        """Begin this run again with a new input and an empty history: how endless loops stay small."""
        raise ContinueAsNew(input)


@dataclass(frozen=True, slots=True)
class Stream:
    """The writing end of a run's output stream."""

    _runtime: Runtime
    name: str

    def write(self, chunk: Any) -> Future[None]:
        """Append a chunk (any JSON data); awaiting it is optional, the order is kept."""
        return self._runtime.call_step(_chunk, f"stream:{self.name}", (chunk,), {}, kind="stream")


class _RunLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs what the body says once, not again on every replay."""

    def __init__(self, runtime: Runtime) -> None:
        run = runtime.run
        super().__init__(logging.getLogger("flowapp.workflow"), {"run_id": str(run.id), "workflow": run.workflow})
        self._runtime = runtime

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Keep the call's own `extra` beside the run's."""
        return msg, {**kwargs, "extra": {**(kwargs.get("extra") or {}), **(self.extra or {})}}

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        return not self._runtime.replaying and super().isEnabledFor(level)


def _configured(fn: Any, **changes: Any) -> StepDefinition[..., Any]:
    """The definition of a step or plain function, with what a call says of its own (None: nothing)."""
    definition = fn if isinstance(fn, StepDefinition) else _plain_step(fn)
    said = {name: value for name, value in changes.items() if value is not None}
    return replace(definition, **said) if said else definition


def _plain_step(fn: Callable[..., Any]) -> StepDefinition[..., Any]:
    """The definition of a function that is no step; remembered for those that live as long as their module."""
    if inspect.isfunction(fn) and fn.__closure__ is None:
        return _remembered_step(fn)
    return define_step(fn)


@lru_cache(maxsize=4096)
def _remembered_step(fn: Callable[..., Any]) -> StepDefinition[..., Any]:
    return define_step(fn)


async def _append(chunk: Any) -> Any:
    return chunk


def _publish_event(name: str, data: Any) -> None:
    from flowapp.engine import facts
    from flowapp.engine.triggering import events

    asker = _asker()
    # An inbound webhook is a system too, and an event in its name would be another delivery.
    by = SYSTEM.joined_by(asker) if asker.kind == "system" else asker
    here = whereabouts.here()
    hops = max(by.hops, facts.hops_to(here.run_id)) if here else by.hops
    events.publish(name, data, by=replace(by, hops=hops), id=step.idempotency_key)


def _start_unawaited(name: str, version: int, input: Any) -> str:
    from flowapp.engine import runs

    definition = registry.find(name, version)
    return str(runs.start_run(definition, input, by=_asker(), idempotency_key=step.idempotency_key).id)


def _asker() -> Actor:
    """Who asked for this run: what it brings about is asked for by them too."""
    return whereabouts.requester() or SYSTEM


def _release_lock(key: str, run_id: UUID) -> None:
    from . import locks

    locks.release(key, run_id)


_chunk = define_step(_append)
_publish = define_step(_publish_event, atomic=True)
_start_run = define_step(_start_unawaited, atomic=True)
_release = define_step(_release_lock, atomic=True)
