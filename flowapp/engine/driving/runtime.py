"""What a workflow's body talks to: its calls are counted here, matched against the record, and handed to the driver.

All methods run inside a slice of the run's own loop.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Model

from flowapp.engine import chance, clock, codec, failures
from flowapp.engine.chance import Chance
from flowapp.engine.durations import Duration, parse
from flowapp.engine.errors import (
    BadDefinition,
    NeedsAttention,
    NotInWorkflow,
    NotSerializable,
    PayloadTooLarge,
    RunDropped,
)
from flowapp.engine.errors import ReplayDiverged as Diverged
from flowapp.engine.models import Run
from flowapp.engine.reading import progress
from flowapp.engine.records import OpenWait, Recorded
from flowapp.engine.registry import StepDefinition
from flowapp.engine.replay import Replay
from flowapp.engine.verbs import remote_items, remote_steps
from flowapp.engine.verbs.calls import Call, CallFuture, Decode, Key, WaitTicket
from flowapp.tenancy.actors import Actor

from .open_waits import OpenWaits

ANEW_AT_MOST = 3  # what is void again and again, such as a rule's answer at once, is for people to look at


class Owner(Protocol):
    """The driver, as far as the body's side needs it."""

    over: bool
    loop: asyncio.AbstractEventLoop

    def attend(self, error: NeedsAttention) -> None: ...
    def withdrawn(self, call: Call) -> None: ...
    def mark(self, call: Call) -> None: ...


class Runtime:
    """One run as its body sees it. `time` is the run's own: when the last outcome was recorded."""

    def __init__(self, owner: Owner, run: Run, replay: Replay[Recorded], waits: OpenWaits, begun: set[Key]) -> None:
        assert run.started_at is not None
        self.run = run
        self.input: Any = None
        # What idempotency keys begin with: a run that continued as new is told apart from its earlier lives.
        self.life = chance.life(run.id, run.generation)
        self.time = chance.began(run.origin, run.started_at)
        self.delivered = 0  # the number of the last recorded outcome that reached the body
        self.calls: dict[Key, Call] = {}  # made and not yet answered
        self.starting: dict[Key, Call] = {}  # of these, what begins when this turn of the body ends
        self.maps: list[progress.Mapping] = []  # whose items run here
        self._owner = owner
        self._replay = replay
        self._waits = waits
        self._ahead = begun  # what had begun without an outcome and has not been called again yet
        self._chance = Chance(run.id, run.generation, run.origin)
        self._counts: dict[str, int] = {}
        self._patches: dict[str, bool] = {}

    # -- steps and waits -------------------------------------------------------------------------------------------

    def call_step(
        self,
        step: StepDefinition[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        kind: str = "step",
        decode: Decode | None = None,
        key: str = "",
    ) -> asyncio.Future[Any]:
        """Run a function as a step; counted now, started when this turn of the body ends.

        `key` is the idempotency key, where another run asked for the step.
        """
        if step.queue is not None and step.queue != self.run.queue:
            return self._call_elsewhere(step, name, args, kwargs)
        data = self._stored(name, [args, kwargs] if kwargs else [args])
        result_type = step.result_type
        typed: Decode = decode or (lambda output: codec.decode(output or b"", result_type))
        call = self._call(name, kind, codec.digest(data), typed)
        call.step, call.args, call.kwargs, call.input = step, args, dict(kwargs), data
        call.idempotency_key = key
        if not self._recorded(call):
            self.starting[call.key] = call
        return call.future

    def _call_elsewhere(
        self, step: StepDefinition[..., Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> asyncio.Future[Any]:
        """Have a step run by the workers of its queue."""
        work = remote_steps.job(step, name, args, kwargs)
        return self.wait(
            "child",
            name,
            identity=work,
            prepare=remote_steps.child_of(work, step.queue or "", self.life),
            decode=partial(remote_steps.outcome_of, result_type=step.result_type),
        )

    def map_elsewhere(
        self, step: StepDefinition[..., Any], name: str, items: Sequence[Any], limit: int | None, *, collect: bool
    ) -> Awaitable[list[Any]]:
        """Have a step run for every item by the workers of its queue."""
        return remote_items.over_batches(self, step, name, items, limit, collect=collect)

    def wait(
        self,
        kind: str,
        name: str,
        *,
        identity: Any,
        decode: Decode,
        timeout: Duration | None = None,
        due_at: datetime | None = None,
        subject: str = "",
        match: bytes = b"",
        detail: dict[str, Any] | None = None,
        prepare: Callable[[WaitTicket], Sequence[Model]] | None = None,
        reopen: bool = False,
        void: Callable[[bytes], bool] | None = None,
    ) -> asyncio.Future[Any]:
        """Wait durably for something outside the run.

        `identity` is compared on replay. `decode` turns the stored outcome into the result (None: it ran out) or
        raises. `prepare` runs in a thread and returns rows to insert in the transaction that opens the wait. With
        `reopen`, an open wait whose identity changed is closed and opened anew while nothing after it is recorded; so
        is one to which something arrived that `void` says is no answer.
        """
        limit = None if timeout is None else _parsed(name, timeout)
        call = self._call(name, kind, codec.digest(self._stored(name, identity)), decode)
        call.prepare, call.void = prepare, void

        def begin() -> None:
            now = call.since = clock.now()
            due = due_at if due_at is not None else (now + limit if limit is not None else None)
            about = {**(detail or {}), "anew": call.anew} if call.anew else detail or {}
            call.opening = OpenWait(*call.key, kind, call.args_hash, now, due, subject, match, about)
            self.starting[call.key] = call

        call.begin = begin
        if not (self._recorded(call) or self._stays_open(call, reopen)):
            begin()
        return call.future

    def answered(self, call: Call, outcome: bytes) -> bool:
        """Whether what arrived for a wait is its answer; when it is void, the wait is opened anew."""
        if call.void is None or call.begin is None or not call.void(outcome):
            return True
        if call.anew == ANEW_AT_MOST:
            what = f"the {call.kind} {call.key[0]!r} was answered {call.anew + 1} times on other content than it asks"
            self._owner.attend(NeedsAttention(f"{what}, so the answer does not count; find out what changes it"))
            return False
        self._waits.void(call.key)
        call.anew += 1
        call.begin()
        return False

    def _stays_open(self, call: Call, reopen: bool) -> bool:
        """Whether a wait is open already; one that was opened with other content is voided or stops the run."""
        known = self._waits.identity(call.key)
        if known is None or known == call.args_hash:
            return known is not None
        if reopen:
            # An answer that arrived was given to the old question: it is void.
            self._waits.void(call.key)
            return False
        what = f"the {call.kind} {call.key[0]!r} that this run waits for"
        self._owner.attend(NeedsAttention(f"{what} was opened with other content than the code asks for now"))
        return True

    def durable_timer(self, delay: float, fire: Callable[[], None]) -> Callable[[], None]:
        """asyncio.sleep and asyncio.timeout in a body are durable waits like any other."""
        future = self.wait("sleep", "asyncio.sleep", identity=None, timeout=delay, decode=lambda _: None)
        future.add_done_callback(lambda done: None if done.cancelled() else fire())

        def withdraw() -> None:
            if not future.done():
                future.cancel()

        return withdraw

    def withdraw(self, call: Call) -> None:
        """The body cancelled a call."""
        if self._owner.over or self.calls.pop(call.key, None) is None:
            return
        if self.starting.pop(call.key, None) is None or call.key in self._waits:
            self._owner.withdrawn(call)

    # -- what is the same on replay --------------------------------------------------------------------------------

    def workflow_time(self) -> float:
        """The run's own time in seconds since the epoch."""
        return self.time.timestamp()

    def uuid(self) -> UUID:
        """A unique id, the same on replay."""
        self._refuse_elsewhere()
        return self._chance.uuid(self.delivered)

    def random(self) -> float:
        """A number in [0, 1), the same on replay."""
        self._refuse_elsewhere()
        return self._chance.random(self.delivered)

    def patched(self, id: str) -> bool:
        """Whether this run takes the new path of a change: yes when it had not come past this point yet."""
        self._refuse_elsewhere()
        if id not in self._patches:
            marker: Key = (f"patch:{id}", 1)
            self._patches[id] = self._replay.take(marker)
            if not self._patches[id] and not self.replaying:
                self._patches[id] = True
                call = self._call(marker[0], "patch", b"", lambda _: None)
                del self.calls[call.key]
                self._owner.mark(call)
        return self._patches[id]

    @property
    def replaying(self) -> bool:
        """Whether the body is still where it was before: something recorded or waited for lies ahead."""
        return self._replay.unfinished or bool(self._ahead)

    @contextmanager
    def mapping(self, name: str, of: int) -> Iterator[None]:
        """Within this block a map of so many items runs in this run."""
        mapping = progress.Mapping(name, self.uses(name) + 1, of, self.time)
        self.maps.append(mapping)
        try:
            yield
        finally:
            self.maps.remove(mapping)

    def uses(self, name: str) -> int:
        """How often this name was used so far."""
        return self._counts.get(name, 0)

    @property
    def requester(self) -> Actor | None:
        """Who started the run."""
        return Actor.from_json(self.run.requester) if self.run.requester else None

    # -- counting and matching -------------------------------------------------------------------------------------

    def _call(self, name: str, kind: str, args_hash: bytes, decode: Decode) -> Call:
        self._refuse_elsewhere()
        occurrence = self._counts[name] = self._counts.get(name, 0) + 1
        if occurrence == 1 and not 0 < len(name) <= 200:
            raise BadDefinition(f"a {kind} needs a name of 1 to 200 characters, not {name!r}")
        future = CallFuture(loop=self._owner.loop)
        call = Call((name, occurrence), kind, args_hash, future, decode)
        future.call, future.host = call, self
        self.calls[call.key] = call
        if self._ahead:
            self._ahead.discard(call.key)
        return call

    def _refuse_elsewhere(self) -> None:
        """Verbs belong to the running body: not to a step, and not to a body that is being dropped."""
        if self._owner.over:
            raise RunDropped
        if events._get_running_loop() is not self._owner.loop:
            raise NotInWorkflow("ctx verbs belong to the workflow's body: a step cannot call them, nor other threads")

    def _recorded(self, call: Call) -> bool:
        try:
            return self._replay.call(call.key, call.kind, call.args_hash)
        except Diverged as error:
            if error.arguments and call.input is not None:
                error.compare = (call.key, call.input)
            self._owner.attend(error)
            return True

    def _stored(self, name: str, value: Any) -> bytes:
        """What is passed to a step or wait, as bytes. Raises NotSerializable, PayloadTooLarge."""
        try:
            return codec.within_limit(codec.to_bytes(value))
        except (NotSerializable, PayloadTooLarge) as error:
            failures.mark(error, name)
            raise


def _parsed(name: str, timeout: Duration) -> timedelta:
    try:
        return parse(timeout)
    except ValueError as error:
        raise BadDefinition(f"{name!r}: {error}") from None
