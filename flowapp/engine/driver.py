"""Drives one claimed run: pumps its loop, replays its history, starts its steps and waits, suspends or ends it.

All methods run on the process's loop thread. Outcomes reach the body strictly in the order of `seq`: a number is given
when an outcome is handed to the store, and the outbox holds it back until it and all before it are committed.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid5

from django.db.models import Model
from pydantic import ValidationError

from flowapp.tenancy.actors import Actor

from . import clock, codec, failures, registry, remote_steps
from .calls import Call, CallFuture, Decode, Key, WaitTicket
from .durations import Duration, parse
from .errors import ContinueAsNew, Fenced, NeedsAttention, RunDropped
from .loop import RunLoop
from .registry import StepDefinition
from .replay import Replay
from .states import RunStatus, StepStatus
from .store import Arrival, AttemptRow, CheckpointRow, Claimed, End, OpenWait, Outcome, Recorded, Write, Written

if TYPE_CHECKING:
    from .executor import Executor

logger = logging.getLogger("flowapp.engine")
PARK_SECONDS = 1.0  # a wait due sooner is waited for in memory; suspending would cost more


@dataclass(slots=True, eq=False)
class _Entry:
    """An outcome on its way to the body: committed or not yet."""

    call: Call
    status: str
    output: bytes | None
    error: dict[str, Any] | None
    ended_at: datetime
    committed: bool = False


@dataclass(slots=True, frozen=True)
class Reservation:
    """A numbered outcome whose commit is another transaction's."""

    write: Write
    entry: _Entry


class RunDriver:
    """One run in this process, from its claim until it suspends, ends, or is lost."""

    def __init__(self, executor: Executor, claimed: Claimed, finished: Callable[[RunDriver], None]) -> None:
        run = claimed.run
        assert run.started_at is not None
        self.executor = executor
        self.run = run
        self.finished = finished
        self.over = False
        self.time = run.started_at
        self.input: Any = None
        self.random = random.Random(run.id.int)  # noqa: S311 - reproducible by design
        self._uuids = 0
        self._loop = RunLoop(self)  # type: ignore[abstract]  # what it lacks is refused by name
        self._replay: Replay[Recorded] = Replay(claimed.history.checkpoints)
        self._seq = self._replay.last_seq
        self._counts: dict[str, int] = {}
        self._reached: set[Key] = set()
        self._patches: dict[str, bool] = {}
        self._calls: dict[Key, Call] = {}
        self._starting: list[Call] = []
        self._steps_running = 0
        self._preparing = 0
        self._opening: list[Call] = []
        self._open: dict[Key, tuple[bytes, datetime | None]] = {}
        self._arrived: dict[Key, Arrival] = {}
        self._dropping: list[Key] = []
        self._outbox: deque[_Entry] = deque()
        self._attempts: dict[Key, list[Any]] = {}
        self._attention: NeedsAttention | None = None
        self._pausing = False
        self._asking = 0
        self._nudged = False
        self._pumping = False
        self._park: asyncio.TimerHandle | None = None
        self._main: asyncio.Task[Any] | None = None
        self._load(claimed)

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to execute the body."""
        try:
            definition = registry.find(self.run.workflow, self.run.version)
            args = (codec.decode(self.run.input, definition.input_type),) if definition.takes_input else ()
        except ValidationError as error:
            self._stop_for_attention(NeedsAttention(f"the recorded input no longer fits the workflow: {error}"))
            return
        except Exception as error:
            self._stop_for_attention(NeedsAttention(str(error)))
            return
        self._definition = definition
        self.input = args[0] if args else None
        context = contextvars.Context()
        context.run(registry.current_runtime.set, self)
        body = definition.fn(self.executor.make_context(self), *args)
        self._main = self._loop.create_task(cast(Any, body), context=context)
        self.pump()

    def abandon(self) -> None:
        """Drop the run from memory: it suspended, was lost to another worker, or the process stops."""
        if self.over:
            return
        self.over = True
        if self._park is not None:
            self._park.cancel()
        for call in self._calls.values():
            if call.task is not None:
                call.task.cancel()
        self._loop.drop()
        self.finished(self)

    def nudge(self) -> None:
        """Something may have arrived: look."""
        if self._asking:
            self._nudged = True  # the answer under way may have been read too early
        elif not self.over:
            self._ask(self._write(collect=True))

    # -- what the loop asks ----------------------------------------------------------------------------------------

    def workflow_time(self) -> float:
        """The run's own time, in seconds since the epoch: when the last outcome was recorded."""
        return self.time.timestamp()

    def durable_timer(self, delay: float, fire: Callable[[], None]) -> Callable[[], None]:
        """asyncio.sleep and asyncio.timeout in a body are durable waits like any other."""
        future = self.wait("sleep", "asyncio.sleep", identity=None, timeout=delay, decode=lambda _: None)
        future.add_done_callback(lambda done: None if done.cancelled() else fire())
        return lambda: None if future.done() else _ignore(future.cancel())

    # -- what the body asks ----------------------------------------------------------------------------------------

    def call_step(
        self,
        step: StepDefinition[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        kind: str = "step",
        decode: Decode | None = None,
    ) -> asyncio.Future[Any]:
        """Run a function as a step; counted now, started when this turn of the body ends."""
        if step.queue is not None and step.queue != self.run.queue:
            return self._call_elsewhere(step, name, args, kwargs)
        data = codec.to_bytes([args, kwargs] if kwargs else [args])
        result_type = step.result_type
        typed: Decode = decode or (lambda output: codec.decode(output or b"", result_type))
        call = self._call(name, kind, codec.digest(data), typed)
        call.step, call.args, call.kwargs, call.input = step, args, dict(kwargs), data
        if not self._recorded(call):
            self._starting.append(call)
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
            prepare=remote_steps.child_of(work, step.queue or ""),
            decode=partial(remote_steps.outcome_of, result_type=step.result_type),
        )

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
    ) -> asyncio.Future[Any]:
        """Wait durably for something outside the run.

        `identity` is compared on replay. `decode` turns the stored outcome into the result (None: it ran out) or
        raises. `prepare` runs in a thread and returns rows to insert in the transaction that opens the wait. With
        `reopen`, an open wait whose identity changed is closed and opened anew while nothing after it is recorded.
        """
        call = self._call(name, kind, codec.digest(codec.to_bytes(identity)), decode)
        if self._recorded(call):
            return call.future
        known = self._open.get(call.key)
        if known is not None and known[0] != call.args_hash:
            if not reopen:
                self._attend(
                    NeedsAttention(
                        f"the {kind} {name!r} that this run waits for was opened with other content "
                        "than the code asks for now"
                    )
                )
                return call.future
            # An answer that arrived was given to the old question: it is void.
            self._arrived.pop(call.key, None)
            self._dropping.append(call.key)
            del self._open[call.key]
            known = None
        if known is None:
            now = clock.now()
            due = due_at if due_at is not None else (now + parse(timeout) if timeout is not None else None)
            call.since, call.prepare = now, prepare
            call.opening = OpenWait(
                *call.key, kind, call.args_hash, now, due, subject=subject, match=match, detail=detail or {}
            )
            self._starting.append(call)
        return call.future

    def withdraw(self, call: Call) -> None:
        """The body cancelled a call: stop its step or close its wait, and record that, if it had begun."""
        if self.over or self._calls.pop(call.key, None) is None:
            return
        if call in self._starting:
            self._starting.remove(call)
        elif call in self._opening:
            self._opening.remove(call)
        elif call.task is not None or call.key in self._open:
            if call.task is not None:
                call.task.cancel()
            open_wait = (call.key,) if self._open.pop(call.key, None) else ()
            self._arrived.pop(call.key, None)
            now = clock.now()
            self._record(_Entry(call, StepStatus.CANCELLED, None, None, now), since=call.since or now, drop=open_wait)

    def patched(self, id: str) -> bool:
        """Whether this run takes the new path of a change: yes when it had not come past this point yet."""
        if id not in self._patches:
            marker: Key = (f"patch:{id}", 1)
            self._patches[id] = self._replay.take(marker)
            if not self._patches[id] and not self.replaying:
                self._patches[id] = True
                now = clock.now()
                call = self._call(marker[0], "patch", b"", lambda _: None)
                self._calls.pop(call.key)
                self._record(_Entry(call, StepStatus.COMPLETED, None, None, now), since=now)
        return self._patches[id]

    @property
    def replaying(self) -> bool:
        """Whether the body is still where it was before: something recorded or waited for lies ahead."""
        ahead = {*self._open, *self._attempts} - self._reached
        return self._replay.unfinished or bool(ahead)

    def uuid(self) -> UUID:
        """A unique id, the same on replay."""
        self._uuids += 1
        return uuid5(self.run.id, f"uuid:{self._uuids}")

    @property
    def requester(self) -> Actor | None:
        """Who started the run."""
        return Actor.from_json(self.run.requester) if self.run.requester else None

    # -- calls -----------------------------------------------------------------------------------------------------

    def _call(self, name: str, kind: str, args_hash: bytes, decode: Decode) -> Call:
        if self.over:
            raise RunDropped
        occurrence = self._counts[name] = self._counts.get(name, 0) + 1
        future = CallFuture(loop=self._loop)
        call = Call((name, occurrence), kind, args_hash, future, decode)
        future.call, future.host = call, self
        self._calls[call.key] = call
        self._reached.add(call.key)
        return call

    def _recorded(self, call: Call) -> bool:
        try:
            return self._replay.call(call.key, call.kind, call.args_hash)
        except NeedsAttention as error:
            self._attend(error)
            return True

    def _attend(self, error: NeedsAttention) -> None:
        """Stop at the end of this turn; the body cannot swallow this as it could an exception."""
        self._attention = self._attention or error

    # -- the pump --------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Run the body as far as it goes: deliver outcomes one at a time, each followed by a full turn of the loop."""
        if self.over or self._pumping:
            return
        self._pumping = True
        try:
            self._advance()
        finally:
            self._pumping = False

    def _advance(self) -> None:
        assert self._main is not None
        while not self.over:
            self._loop.run_ready()
            if self._attention is not None:
                return self._stop_for_attention(self._attention)
            if self._main.done():
                return self._finish(self._main)
            if not self._feed():
                break
        if not self.over:
            self._settle()

    def _feed(self) -> bool:
        """Deliver one outcome; False when there is none. What is recorded comes before anything live."""
        record = self._replay.next()
        if record is not None:
            call = self._calls.get((record.name, record.occurrence))
            if call is not None:
                self._deliver(call, record.status, self._output(record), record.error, record.ended_at)
            return True
        self._start_calls()
        if self._outbox and self._outbox[0].committed:
            entry = self._outbox.popleft()
            self._deliver(entry.call, entry.status, entry.output, entry.error, entry.ended_at)
            return True
        return self._take_arrival()

    def _output(self, record: Recorded) -> bytes | None:
        if record.large:
            return self.executor.read_output(self.run.id, (record.name, record.occurrence))
        return record.output

    def _deliver(
        self, call: Call, status: str, output: bytes | None, error: dict[str, Any] | None, ended_at: datetime
    ) -> None:
        self._calls.pop(call.key, None)
        self.time = max(self.time, ended_at)
        if call.future.done():
            return
        if status == StepStatus.COMPLETED:
            try:
                call.future.set_result(call.decode(output))
            except ValidationError as wrong:
                self._attend(
                    NeedsAttention(f"the recorded outcome of {call.key[0]!r} no longer fits its type: {wrong}")
                )
            except NeedsAttention as attention:
                self._attend(attention)
            except Exception as raised:  # a wait's decode raises what the verb promises, such as WaitTimeout
                raised.__flowapp_step__ = call.key[0]  # type: ignore[attr-defined]
                call.future.set_exception(raised)
        elif status == StepStatus.FAILED:
            call.future.set_exception(failures.rebuild(error or {"type": "Error", "message": ""}))
        else:
            call.future.cancel()

    def _settle(self) -> None:
        """Nothing is ready: register new waits, and suspend when only waits are outstanding."""
        if self._preparing:
            return
        busy = bool(self._steps_running or self._outbox or self._asking)
        if busy:
            if self._opening or self._dropping:
                self._ask(self._write(open_=True))
            return
        if self._pausing or self._opening or self._open:
            wait = self._nearest()
            parked = not self._pausing and wait is not None and wait <= PARK_SECONDS
            if not parked:
                self._ask(self._write(open_=True, suspend=True))
                return
            if self._opening or self._dropping:
                self._ask(self._write(open_=True))
            elif self._park is None:
                self._park = self.executor.loop.call_later(max(0.0, wait or 0.0) + 0.001, self._unpark)
            return
        self._stop_for_attention(
            NeedsAttention("the body awaits something that no step, wait or timer of this run will ever finish")
        )

    def _nearest(self) -> float | None:
        """Seconds until the next deadline among the open waits."""
        due = [at for _, at in self._open.values() if at is not None]
        due += [call.opening.due_at for call in self._opening if call.opening and call.opening.due_at]
        return (min(due) - clock.now()).total_seconds() if due else None

    def _unpark(self) -> None:
        self._park = None
        self.nudge()

    # -- steps -----------------------------------------------------------------------------------------------------

    def _start_calls(self) -> None:
        starting, self._starting = self._starting, []
        for call in starting:
            if call.step is not None:
                self._start_step(call)
            elif call.prepare is not None:
                self._preparing += 1
                self.executor.prepare(self, call)
            else:
                self._opening.append(call)

    def _start_step(self, call: Call) -> None:
        """Begin the next attempt, or go on waiting for its moment when the run was suspended between attempts."""
        before = self._attempts.get(call.key, [])
        if any(bytes(attempt.args_hash) != call.args_hash for attempt in before):
            return self._attend(NeedsAttention(f"step {call.key[0]!r} failed before with other arguments than now"))
        assert call.step is not None
        if call.step.at_most_once and any(attempt.ended_at is None for attempt in before):
            return self._attend(
                NeedsAttention(f"step {call.key[0]!r} was cut off and may run at most once: its outcome is unknown")
            )
        if call.key in self._open:
            return  # the wait between two attempts is open; its arrival starts the next one
        call.attempt = len(before) + 1
        self._steps_running += 1
        call.since = clock.now()
        self.executor.run_step(self, call)

    def step_succeeded(self, call: Call, output: bytes, started_at: datetime) -> None:
        """A step returned: hand its outcome to the store."""
        self._steps_running -= 1
        call.task = None
        if call.key not in self._calls:
            return  # withdrawn meanwhile
        self._record(_Entry(call, StepStatus.COMPLETED, output, None, clock.now()), since=started_at)

    def step_failed(self, call: Call, error: BaseException, started_at: datetime) -> None:
        """A step raised: have it tried again by its policy, or hand the failure to the store."""
        self._steps_running -= 1
        call.task = None
        if call.key not in self._calls:
            return  # withdrawn meanwhile
        assert call.step is not None
        delay = call.step.retry.delay(call.attempt, error)
        described = failures.describe(error, call.key[0])
        now = clock.now()
        if delay is None:
            self._record(_Entry(call, StepStatus.FAILED, None, described, now), since=started_at)
            return
        retry_at = now + timedelta(seconds=delay)
        attempt = AttemptRow(*call.key, call.attempt, call.args_hash, started_at, now, retry_at, described)
        self._attempts.setdefault(call.key, []).append(attempt)
        call.opening = OpenWait(*call.key, "retry", call.args_hash, now, retry_at)
        self._opening.append(call)
        self._ask(self._write(open_=True, attempts=(attempt,)))

    def step_dropped(self) -> None:
        """A step's task was cancelled; its call was withdrawn or the run is being dropped."""
        self._steps_running -= 1
        self.pump()

    def step_runs_long(self, call: Call, started_at: datetime) -> None:
        """Make a step that takes its time visible to people."""
        if not self.over and call.key in self._calls:
            row = AttemptRow(*call.key, call.attempt, call.args_hash, started_at)
            self.executor.store.submit(self.write_attempt(row), lambda _: None)

    def write_attempt(self, row: AttemptRow) -> Write:
        """The write that makes an attempt known before it has an outcome."""
        return self._write(attempts=(row,))

    def prepared(self, call: Call, rows: Sequence[Model] | BaseException) -> None:
        """The rows that belong to a new wait are ready."""
        self._preparing -= 1
        if self.over:
            return
        if isinstance(rows, NeedsAttention):
            self._attend(rows)
        elif isinstance(rows, BaseException):
            logger.error("a wait could not be prepared", exc_info=rows)
            self._attend(NeedsAttention(f"{call.key[0]!r} could not be opened: {rows}"))
        elif not call.future.done():
            assert call.opening is not None
            call.opening = _with_rows(call.opening, rows)
            self._opening.append(call)
        self.pump()

    def reserve(self, call: Call, output: bytes, started_at: datetime) -> Reservation:
        """Number the outcome of an atomic step that is about to commit in its own transaction. Raises Fenced."""
        if self.over or call.key not in self._calls:
            raise Fenced
        entry = _Entry(call, StepStatus.COMPLETED, output, None, clock.now())
        row = self._number(entry, started_at)
        self._outbox.append(entry)
        return Reservation(self._write(checkpoints=(row,)), entry)

    def settle(self, reservation: Reservation) -> None:
        """An atomic step's own transaction committed: its outcome may be delivered."""
        self._steps_running -= 1
        reservation.entry.call.task = None
        reservation.entry.committed = True
        self.pump()

    def release(self, reservation: Reservation) -> None:
        """An atomic step's own transaction was rolled back: its number stays unused."""
        self._outbox.remove(reservation.entry)

    def run_again(self, call: Call) -> None:
        """A step was cut off by the engine's side, not by its own failure: run it again."""
        self._steps_running -= 1
        call.task = None
        if call.key in self._calls and not self.over:
            self._start_step(call)
        self.pump()

    # -- outcomes on their way to the body -----------------------------------------------------------------------

    def _record(self, entry: _Entry, *, since: datetime, drop: Sequence[Key] = (), now: bool = False) -> None:
        """Number an outcome and hand it to the store; it reaches the body in that order once committed.

        With `now` it is delivered before the commit: only for what is durable elsewhere, when nothing is ahead of it.
        """
        row = self._number(entry, since)
        entry.committed = now
        self._outbox.append(entry)
        self.executor.store.submit(
            self._write(checkpoints=(row,), drop=drop), lambda outcome: self._committed(entry, outcome)
        )

    def _number(self, entry: _Entry, since: datetime) -> CheckpointRow:
        self._seq += 1
        call = entry.call
        return CheckpointRow(
            *call.key,
            self._seq,
            call.kind,
            entry.status,
            call.args_hash,
            codec.pack(call.input) if call.input is not None else None,
            entry.output,
            entry.error,
            max(1, call.attempt),
            since,
            entry.ended_at,
        )

    def _committed(self, entry: _Entry, outcome: Outcome) -> None:
        if self._lost(outcome):
            return
        if not entry.committed:
            entry.committed = True
            if self.executor.always_suspend and entry.call.step is not None and self._alone():
                self._outbox.clear()
                self._ask(self._write(requeue=True))
                return
        self.pump()

    def _alone(self) -> bool:
        return not (self._steps_running or self._preparing or self._asking or len(self._outbox) > 1)

    def _take_arrival(self) -> bool:
        """Deliver the earliest arrival whose wait the body has reached; its checkpoint follows."""
        for key, arrival in self._arrived.items():
            call = self._calls.get(key)
            if call is None or call.task is not None:
                continue
            del self._arrived[key]
            self._open.pop(key, None)
            if call.step is not None:
                self._dropping.append(key)
                self._start_step(call)
                return True
            output = arrival.outcome or None
            entry = _Entry(call, StepStatus.COMPLETED, output, None, arrival.arrived_at)
            self._record(entry, since=arrival.since, drop=(key,), now=not self._outbox)
            return True
        return False

    # -- asking the store ------------------------------------------------------------------------------------------

    def _write(
        self,
        *,
        checkpoints: Sequence[CheckpointRow] = (),
        attempts: Sequence[AttemptRow] = (),
        drop: Sequence[Key] = (),
        open_: bool = False,
        collect: bool = False,
        suspend: bool = False,
        requeue: bool = False,
        end: End | None = None,
    ) -> Write:
        opening: list[OpenWait] = []
        if open_:
            for call in self._opening:
                assert call.opening is not None
                self._open[call.key] = (call.args_hash, call.opening.due_at)
                opening.append(call.opening)
            self._opening = []
            drop = (*drop, *self._dropping)
            self._dropping = []
        return Write(
            self.run.id,
            self.run.workspace_id,
            self.run.fence,
            parent_id=self.run.parent_id,
            checkpoints=checkpoints,
            attempts=attempts,
            drop=drop,
            open=opening,
            collect=collect,
            suspend=suspend,
            requeue=requeue,
            end=end,
        )

    def _ask(self, write: Write) -> None:
        """Hand a write to the store whose answer may bring arrivals or suspend the run."""
        self._asking += 1
        self.executor.store.submit(write, self._answered)

    def _answered(self, outcome: Outcome) -> None:
        self._asking -= 1
        if self._lost(outcome):
            return
        assert isinstance(outcome, Written)
        if outcome.suspended:
            self.abandon()
            return
        self._pausing = outcome.pausing
        for arrival in outcome.arrivals:
            self._arrived.setdefault((arrival.name, arrival.occurrence), arrival)
        if self._nudged and not self._asking:
            self._nudged = False
            self.nudge()
        self.pump()

    def _lost(self, outcome: Outcome) -> bool:
        """Whether this run is no longer ours to drive."""
        if self.over:
            return True
        if isinstance(outcome, Fenced):
            self.abandon()
            return True
        if isinstance(outcome, Exception):
            logger.error("run %s: a write was refused", self.run.id, exc_info=outcome)
            self._stop_for_attention(NeedsAttention(f"the engine could not record an outcome: {outcome}"))
            return True
        return False

    # -- the end ---------------------------------------------------------------------------------------------------

    def _finish(self, main: asyncio.Task[Any]) -> None:
        try:
            error = asyncio.CancelledError() if main.cancelled() else main.exception()
            if isinstance(error, ContinueAsNew):
                self._replay.refuse_unreached("continued as new")
                data = codec.encode(error.input)
                codec.decode(data, self._definition.input_type)
                end = End(RunStatus.QUEUED, new_input=data)
            elif error is None:
                end = End(RunStatus.COMPLETED, output=codec.encode(main.result()))
                self._replay.refuse_unreached("returned")
            else:
                end = End(RunStatus.FAILED, error=failures.describe(error))
                self._replay.refuse_unreached(f"raised {type(error).__name__}: {error}")
        except NeedsAttention as attention:
            return self._stop_for_attention(attention)
        except Exception as wrong:  # the output cannot be stored
            end = End(RunStatus.FAILED, error=failures.describe(wrong))
        self._end(end)

    def _stop_for_attention(self, error: NeedsAttention) -> None:
        self._end(End(RunStatus.NEEDS_ATTENTION, error=failures.describe(error)))

    def _end(self, end: End) -> None:
        self.executor.store.submit(self._write(end=end), self._ended)
        self.abandon()

    def _ended(self, outcome: Outcome) -> None:
        """An end that could not be stored must not leave the run running for ever."""
        if isinstance(outcome, Exception) and not isinstance(outcome, Fenced):
            logger.error("run %s: its end was refused", self.run.id, exc_info=outcome)
            end = End(RunStatus.NEEDS_ATTENTION, error=failures.describe(outcome))
            self.executor.store.submit(self._write(end=end), lambda _: None)

    def _load(self, claimed: Claimed) -> None:
        for wait in claimed.history.waits:
            key = (wait.name, wait.occurrence)
            self._open[key] = (bytes(wait.args_hash), wait.due_at)
            if wait.arrival is not None:
                assert wait.arrived_at is not None
                self._arrived[key] = Arrival(*key, bytes(wait.outcome or b""), wait.arrived_at, wait.since)
        for attempt in claimed.history.attempts:
            self._attempts.setdefault((attempt.name, attempt.occurrence), []).append(attempt)


def _with_rows(opening: OpenWait, rows: Sequence[Model]) -> OpenWait:
    return replace(opening, also=tuple(rows))


def _ignore(_: object) -> None:
    return None
