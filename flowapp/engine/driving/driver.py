"""Drives one claimed run: pumps its loop, feeds outcomes to its body in their order, suspends or ends it.

All methods run on the process's loop thread. Outcomes reach the body strictly by number: one is given when an outcome
is handed to the store, and the outbox holds it back until it and all before it are committed.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from flowapp.engine import clock, codec, failures, registry, telemetry, waits, whereabouts
from flowapp.engine.errors import Fenced, NeedsAttention, UnknownWorkflow
from flowapp.engine.loop import RunLoop
from flowapp.engine.records import CheckpointRow, Claimed, End, Outcome, Recorded, Write, Written
from flowapp.engine.registry import WorkflowDefinition
from flowapp.engine.replay import Replay
from flowapp.engine.states import RunStatus, StepStatus
from flowapp.engine.verbs.calls import Call, Key

from . import delivery, ending
from .course import Course
from .open_waits import OpenWaits
from .openings import Rows
from .outbox import NOTHING, Entry, Outbox
from .questions import Questions
from .runtime import Runtime
from .steps import Steps
from .writes import Writes

if TYPE_CHECKING:
    from flowapp.engine.executor import Executor

logger = logging.getLogger("flowapp.engine")
PARK_SECONDS = 1.0  # a wait due sooner is waited for in memory; suspending would cost more


class RunDriver:
    """One run in this process, from its claim until it suspends, ends, or is lost."""

    def __init__(self, executor: Executor, claimed: Claimed, finished: Callable[[RunDriver], None]) -> None:
        run, past = claimed.run, claimed.history
        self.executor = executor
        self.run = run
        self.finished = finished
        self.over = False
        self.replay: Replay[Recorded] = Replay(past.checkpoints)
        self.waits = OpenWaits(past.waits, self.replay)
        self.steps = Steps(self, past.attempts)
        self.outbox = Outbox(self.replay.last_seq, sum(row.size for row in past.checkpoints))
        self.write = Writes(run, self.waits).build
        self.questions = Questions(self)
        begun = {*self.waits.keys, *self.steps.begun}
        self.runtime = Runtime(self, run, self.replay, self.waits, begun)
        self.course = Course(self.replay, self.waits, self.runtime.calls)
        self.loop = RunLoop(self.runtime)  # type: ignore[abstract]  # what it lacks is refused by name
        self._main: asyncio.Task[Any] | None = None
        self._definition: WorkflowDefinition[Any, Any] | None = None
        self._attention: NeedsAttention | None = None
        self._pausing = run.pausing
        self._preparing = 0
        self._fetching = False
        self._pumping = False
        self._park: asyncio.TimerHandle | None = None

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to execute the body."""
        try:
            self._begin()
        except Exception as error:
            self._stop_for_attention(ending.by_fault(self.run, error))

    def _begin(self) -> None:
        try:
            definition = registry.find(self.run.workflow, self.run.version)
            args = (codec.decode(self.run.input, definition.input_type),) if definition.takes_input else ()
        except ValidationError as error:
            return self._stop_for_attention(NeedsAttention(f"the recorded input no longer fits the workflow: {error}"))
        except UnknownWorkflow as missing:
            return self.executor.seek(self, missing)
        except Exception as error:
            return self._stop_for_attention(NeedsAttention(failures.message(error)))
        self._definition = definition
        self.runtime.input = args[0] if args else None
        context = contextvars.Context()
        context.run(registry.current_runtime.set, self.runtime)
        body = definition.fn(self.executor.make_context(self.runtime), *args)
        self._main = self.loop.create_task(cast(Any, body), context=context)
        self.pump()

    def sought(self, missing: UnknownWorkflow, left: bool) -> None:
        """Its workflow is not in this process: it goes back in line for a worker that has it, or a person is asked."""
        if left:
            self.ask(self.write(requeue=True))
        else:
            self._stop_for_attention(NeedsAttention(str(missing)))

    def abandon(self) -> None:
        """Drop the run from memory: it suspended, was lost to another worker, or the process stops."""
        if self.over:
            return
        self.over = True
        try:
            if self._park is not None:
                self._park.cancel()
            for call in self.runtime.calls.values():
                if call.task is not None:
                    call.task.cancel()
            self.loop.drop()
        finally:
            self.finished(self)

    def nudge(self) -> None:
        """Something may have arrived: look."""
        if not self.over:
            self.questions.look(self.write)

    def attend(self, error: NeedsAttention) -> None:
        """Stop at the end of this turn; the body cannot swallow this as it could an exception."""
        self._attention = self._attention or error

    # -- the pump --------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Run the body as far as it goes: deliver outcomes one at a time, each followed by a full turn of the loop."""
        if self.over or self._pumping or self._main is None:
            return
        self._pumping = True
        try:
            self._advance(self._main)
        except Exception as error:
            self._stop_for_attention(ending.by_fault(self.run, error))
        finally:
            self._pumping = False

    def broke(self, error: Exception) -> None:
        """Something of this run failed beside the pump: in the task of a step, or while an answer was taken in."""
        self.attend(ending.by_fault(self.run, error))
        self.executor.loop.call_soon(self._heed)

    def _heed(self) -> None:
        if self._attention is not None and not self.over:
            self._stop_for_attention(self._attention)

    def pump_soon(self) -> None:
        """Pump from a callback of the process's loop: a body's task cannot be entered from inside another task."""
        self.executor.loop.call_soon(self.pump)

    def _advance(self, main: asyncio.Task[Any]) -> None:
        while not self.over:
            self.loop.run_ready()
            if self._attention is not None:
                return self._stop_for_attention(self._attention)
            if main.done() and not self._writes_streams():
                return self._finish(main)
            if not self._feed(main):
                break
        self._heed()  # a step or wait could not begin
        if not self.over:
            self._settle()

    def _writes_streams(self) -> bool:
        """Whether chunks are on their way that the body did not await: a stream is whole when its run ends."""
        return any(call.kind == "stream" for call in self.runtime.calls.values())

    def _feed(self, main: asyncio.Task[Any]) -> bool:
        """Deliver one outcome; False when there is none. What is recorded comes before anything live."""
        if self._pausing or self._fetching:
            return False
        record = self.replay.next()
        if record is not None:
            return self._feed_record(record)
        if self.replay.unreached and not main.done():
            astray = self.course.astray(self.runtime.starting.values())
            if astray is not None:
                self.attend(astray)
                return False
        if self.runtime.starting:
            self._start_calls(only_streams=main.done())
        entry = self.outbox.take()
        if entry is not None:
            self._deliver(entry.call, entry, entry.output, entry.value)
            return True
        return bool(self.waits.arrived) and self._take_arrival()

    def _feed_record(self, record: Recorded) -> bool:
        if self.replay.unreached:
            self.course.feeds(record)
        call = self.runtime.calls.get((record.name, record.occurrence))
        if call is not None and record.large:
            self._fetching = True
            self.executor.fetch(self, record)
            return False
        self._deliver_record(record, record.output)
        return True

    def fetched(self, record: Recorded, output: bytes) -> None:
        """A large recorded output was read."""
        self._fetching = False
        if not self.over:
            self._deliver_record(record, output)
            self.pump()

    def _deliver_record(self, record: Recorded, output: bytes | None) -> None:
        self.runtime.delivered = record.seq
        call = self.runtime.calls.get((record.name, record.occurrence))
        if call is not None:  # else the body gave it up again, as it did before
            self._deliver(call, record, output)

    def _deliver(self, call: Call, outcome: Entry | Recorded, output: bytes | None, value: Any = NOTHING) -> None:
        runtime = self.runtime
        runtime.calls.pop(call.key, None)
        runtime.time = max(runtime.time, outcome.ended_at)
        if not call.future.done():
            wrong = delivery.deliver(call, outcome.status, output, outcome.error, value)
            if wrong is not None:
                self.attend(wrong)

    def _start_calls(self, *, only_streams: bool) -> None:
        starting, self.runtime.starting = self.runtime.starting, {}
        now = clock.now()
        for call in starting.values():
            call.since = now  # before any of them runs: what the body asked for together began together
        opening: list[Call] = []
        for call in starting.values():
            if only_streams and call.kind != "stream":
                continue  # the body has ended without awaiting it
            if call.step is not None:
                self.steps.start(call)
            elif call.prepare is not None:
                opening.append(call)
            else:
                self.waits.add(call)
        if opening:
            self._preparing += 1
            self.executor.prepare(self, opening)

    def _take_arrival(self) -> bool:
        """Deliver the earliest arrival whose wait the body has reached; its checkpoint follows."""
        for key in self.waits.arrived:
            call = self.runtime.calls.get(key)
            if call is None or call.task is not None:
                continue
            if self.outbox and waits.gives_back(call.kind):
                return False  # what the body hears first may make it give this one up, which is then for another wait
            if not self.runtime.answered(call, self.waits.arrived[key].outcome):
                return True
            arrival = self.waits.take(key)
            if call.step is not None:
                self.waits.dropping.append(key)
                call.since = clock.now()
                self.steps.start(call)
                return True
            entry = delivery.arrived(call, arrival)
            now = not self.outbox and not self.executor.always_suspend
            self.record(entry, since=arrival.since, drop=(key,), now=now)
            return True
        return False

    def prepared(self, calls: Sequence[Call], built: Sequence[Rows]) -> None:
        """The rows that belong to new waits are ready."""
        self._preparing -= 1
        if self.over:
            return
        for call, rows in zip(calls, built, strict=True):
            if isinstance(rows, NeedsAttention):
                self.attend(rows)
            elif not call.future.done():
                assert call.opening is not None
                call.opening = replace(call.opening, also=tuple(rows))
                self.waits.add(call)
        self.pump()

    # -- at rest ---------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Nothing is ready: register new waits, and suspend when only waits are outstanding."""
        if self._preparing or self._fetching:
            return
        if self.steps.running or self.questions.open or not self.outbox.settled:
            if self.waits.unwritten:
                self.ask(self.write(open_=True))
            return
        if self._pausing:
            return self.ask(self.write(open_=True, suspend=True, pausing=True))
        if self.waits.asking:
            return self._stop_for_attention(delivery.asked(next(iter(self.waits.asking.values()))))
        if not self.waits:
            never = "the body awaits something that no step, wait or timer of this run will ever finish"
            return self._stop_for_attention(NeedsAttention(never))
        self._suspend_or_park()

    def _suspend_or_park(self) -> None:
        nearest = self.waits.nearest()
        if nearest is None or nearest > PARK_SECONDS or self.executor.always_suspend:
            self.ask(self.write(open_=True, suspend=True))
        elif self.waits.unwritten:
            self.ask(self.write(open_=True))
        elif self._park is None:
            self._park = self.executor.loop.call_later(max(0.0, nearest) + 0.001, self._unpark)

    def _unpark(self) -> None:
        self._park = None
        self.nudge()

    # -- outcomes on their way to the body -------------------------------------------------------------------------

    def record(self, entry: Entry, *, since: datetime, drop: Sequence[Key] = (), now: bool = False) -> None:
        """Number an outcome and hand it to the store; it reaches the body in that order once committed.

        With `now` it is delivered before the commit: only for what is durable elsewhere, when nothing is ahead of it.
        """
        row = self.outbox.number(entry, since)
        self.outbox.submitted += 1
        entry.committed = now
        if self.waits.dropping:
            drop = (*drop, *self.waits.to_drop())
        write = self.write(checkpoints=(row,), drop=drop)
        self.executor.store.submit(write, lambda outcome: self._recorded(entry, row, outcome))

    def _recorded(self, entry: Entry, row: CheckpointRow, outcome: Outcome) -> None:
        try:
            self._take_in(entry, row, outcome)
        except Exception as error:
            self.broke(error)

    def _take_in(self, entry: Entry, row: CheckpointRow, outcome: Outcome) -> None:
        self.outbox.note_answer()
        if self.lost(outcome):
            return
        if telemetry.observers:
            telemetry.outcome(self.run, row, entry.call.notes)
        if entry.committed:
            return
        entry.committed = True
        self._go_on()

    def delivered_later(self, entry: Entry) -> None:
        """An outcome is committed; deliver it in its turn, not from inside the task that calls this."""
        entry.committed = True
        self.executor.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self.executor.always_suspend and not self.over and self._could_be_dropped():
            self.outbox.entries.clear()  # all is recorded, so the replay brings it
            self.ask(self.write(requeue=True))
        else:
            self.pump()

    def _could_be_dropped(self) -> bool:
        busy = self.steps.running or self._preparing or self.questions.open or self._fetching
        return bool(self.outbox) and not busy and self.outbox.settled

    def withdrawn(self, call: Call) -> None:
        """The body cancelled a call: stop its step or close its wait, and record that, if it had begun."""
        opens = self.waits.opens(call.key)
        has_row = self.waits.forget(call.key)
        if call.reserved or opens:
            return  # it comes to nothing: its own transaction is committing, or it had not begun
        if call.task is not None:
            call.task.cancel()
        if has_row or call.task is not None:
            now = clock.now()
            entry = Entry(call, StepStatus.CANCELLED, None, None, now)
            self.record(entry, since=call.since or now, drop=(call.key,) if has_row else ())
        elif waits.gives_back(call.kind):
            self._give_back(call)
        if waits.gives_back(call.kind) and self.waits.unread(call.key[0], self.questions.open):
            self.ask(self.write(collect=True))  # others may have what this one had

    def _give_back(self, call: Call) -> None:
        """The outcome of a wait is recorded, or about to be, but the body gave it up before it saw it."""
        record = self.replay.pending(call.key)
        if record is None or record.status != StepStatus.CANCELLED:
            self.executor.store.submit(self.write(give_back=((call.kind, call.key),)), self._noted)

    def mark(self, call: Call) -> None:
        """Record a marker: an outcome of its own that the body does not await."""
        now = clock.now()
        self.record(Entry(call, StepStatus.COMPLETED, None, None, now), since=now)

    # -- what the store answers ------------------------------------------------------------------------------------

    def ask(self, write: Write) -> None:
        """Hand a write to the store whose answer may bring arrivals or suspend the run."""
        self.questions.ask(write)

    def answered(self, answer: Written) -> None:
        """The store found this when it committed a write."""
        self._pausing = answer.pausing
        self.waits.heard(answer.arrivals)
        self.questions.look_again(self.write)
        self.pump()

    def lost(self, outcome: Outcome) -> bool:
        """Whether this run is no longer ours to drive."""
        if self.over:
            return True
        if isinstance(outcome, Fenced):
            self.abandon()
            return True
        if isinstance(outcome, NeedsAttention):  # a room above refused what was to be opened
            self._stop_for_attention(outcome)
            return True
        if isinstance(outcome, Exception):
            logger.error(
                "run %s: a write was refused", self.run.id, exc_info=outcome, extra=whereabouts.fields(self.run)
            )
            self._stop_for_attention(NeedsAttention(f"the engine could not record an outcome: {outcome}"))
            return True
        return False

    def _noted(self, outcome: Outcome) -> None:
        try:
            self.lost(outcome)
        except Exception as error:
            self.broke(error)

    # -- the end ---------------------------------------------------------------------------------------------------

    def _finish(self, main: asyncio.Task[Any]) -> None:
        assert self._definition is not None
        try:
            self._end(ending.end_of(main, self._definition, self.replay))
        except NeedsAttention as attention:
            self._stop_for_attention(attention)

    def _stop_for_attention(self, error: NeedsAttention) -> None:
        self._end(End(RunStatus.NEEDS_ATTENTION, error=failures.describe(error), compare=error.compare))

    def _end(self, end: End) -> None:
        self.executor.store.submit(self.write(end=end), lambda outcome: self._ended(end, outcome))
        self.abandon()

    def _ended(self, end: End, outcome: Outcome) -> None:
        """An end that could not be stored must not leave the run running for ever."""
        if telemetry.observers and end.new_input is None and not isinstance(outcome, Exception):
            telemetry.ended(self.run, end.status, end.error)
        if isinstance(outcome, Exception) and not isinstance(outcome, Fenced):
            logger.error(
                "run %s: its end was refused", self.run.id, exc_info=outcome, extra=whereabouts.fields(self.run)
            )
            end = End(RunStatus.NEEDS_ATTENTION, error=failures.describe(outcome))
            self.executor.store.submit(self.write(end=end), lambda _: None)
