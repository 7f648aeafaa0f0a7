"""The steps of one run between their start and their outcome: attempts, retries, and what a crash left behind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flowapp.engine import clock, failures, telemetry
from flowapp.engine.errors import Fenced, NeedsAttention, StepTimeout
from flowapp.engine.models import Attempt
from flowapp.engine.records import AttemptRow, Key, OpenWait
from flowapp.engine.states import StepStatus
from flowapp.engine.verbs.calls import Call

from .outbox import Entry, Reservation

if TYPE_CHECKING:
    from .driver import RunDriver


type Attempted = Attempt | AttemptRow  # an earlier attempt of a step, as a row or as it is about to be one


class Steps:
    """Which steps run, and how often each has been tried."""

    def __init__(self, driver: RunDriver, attempts: Iterable[Attempt]) -> None:
        self.running = 0
        self._driver = driver
        self._attempts: dict[Key, list[Attempted]] = {}
        for attempt in attempts:
            self._attempts.setdefault((attempt.name, attempt.occurrence), []).append(attempt)

    @property
    def begun(self) -> Iterable[Key]:
        """The steps that were tried and have no outcome."""
        return self._attempts.keys()

    def start(self, call: Call) -> None:
        """Begin the next attempt, or go on waiting for its moment when the run was suspended between attempts."""
        step, driver = call.step, self._driver
        assert step is not None
        if self._attempts:
            before = self._attempts.get(call.key, [])
            if any(bytes(attempt.args_hash) != call.args_hash for attempt in before):
                return driver.attend(
                    NeedsAttention(f"step {call.key[0]!r} failed before with other arguments than now")
                )
            if step.at_most_once and any(attempt.ended_at is None for attempt in before):
                return driver.attend(_unknown(f"step {call.key[0]!r} was cut off"))
            if call.key in driver.waits:
                return  # the wait between two attempts is open; its arrival starts the next one
            # An attempt that was cut off did not fail: it is made again under its own number.
            call.attempt = sum(attempt.ended_at is not None for attempt in before) + 1
        else:
            call.attempt = 1
        self.running += 1
        driver.executor.run_step(driver, call)

    def succeeded(self, call: Call, output: bytes, value: Any, started_at: datetime) -> None:
        """A step returned: hand its outcome to the store."""
        if self._still_wanted(call):
            entry = Entry(call, StepStatus.COMPLETED, output, None, clock.now(), value=value)
            self._driver.record(entry, since=started_at)

    def failed(self, call: Call, error: BaseException, started_at: datetime) -> None:
        """A step raised: have it tried again by its policy, or hand the failure to the store."""
        if not self._still_wanted(call):
            return
        assert call.step is not None
        if call.step.at_most_once and isinstance(error, StepTimeout):
            # It may have taken effect, or do so yet in its thread: its attempt stays open.
            self._driver.attend(_unknown(str(error)))
            return self._driver.pump_soon()
        delay = call.step.retry.delay(call.attempt, error)
        described = failures.describe(error, call.key[0])
        now = clock.now()
        if delay is None:
            self._driver.record(Entry(call, StepStatus.FAILED, None, described, now), since=started_at)
            return
        retry_at = now + timedelta(seconds=delay)
        attempt = AttemptRow(*call.key, call.attempt, call.args_hash, started_at, now, retry_at, described)
        before = self._attempts.setdefault(call.key, [])
        before[:] = [one for one in before if one.ended_at is not None]
        before.append(attempt)
        call.opening = OpenWait(*call.key, "retry", call.args_hash, now, retry_at)
        self._driver.waits.add(call)
        self._driver.ask(self._driver.write(open_=True, attempts=(attempt,)))

    def _still_wanted(self, call: Call) -> bool:
        """Note that a step stopped; False when the body gave it up meanwhile, or the run is lost."""
        self.running -= 1
        call.task = None
        return call.key in self._driver.runtime.calls and not self._driver.over

    def dropped(self, call: Call) -> None:
        """A step's task was cancelled; its call was withdrawn or the run is being dropped."""
        self.running -= 1
        call.task = None
        self._driver.pump_soon()

    def run_again(self, call: Call) -> None:
        """A step was cut off by the engine's side, not by its own failure: run it again."""
        if self._still_wanted(call):
            self.start(call)
        self._driver.pump_soon()

    def runs_long(self, call: Call) -> None:
        """Make a step that takes its time visible to people."""
        if not self._driver.over and call.key in self._driver.runtime.calls:
            assert call.since is not None
            row = attempt_row(call, call.since)
            self._driver.executor.store.submit(self._driver.write(attempts=(row,)), _ignore)

    # -- atomic steps: numbered here, committed in their own transaction ---------------------------------------------

    def reserve(self, call: Call, output: bytes, value: Any, started_at: datetime) -> Reservation:
        """Number the outcome of an atomic step that is about to commit. Raises Fenced, PayloadTooLarge."""
        driver = self._driver
        if driver.over or call.key not in driver.runtime.calls:
            raise Fenced
        driver.outbox.check_room(output)
        entry = Entry(call, StepStatus.COMPLETED, output, None, clock.now(), value=value)
        row = driver.outbox.number(entry, started_at)
        call.reserved = True
        return Reservation(driver.write(checkpoints=(row,), drop=driver.waits.to_drop()), entry)

    def settle(self, reservation: Reservation) -> None:
        """An atomic step's own transaction committed: its outcome may be delivered."""
        call = reservation.entry.call
        self.running -= 1
        call.task, call.reserved = None, False
        if telemetry.observers:
            telemetry.outcome(self._driver.run, reservation.write.checkpoints[0], call.notes)
        self._driver.delivered_later(reservation.entry)

    def release(self, reservation: Reservation) -> None:
        """An atomic step's own transaction was rolled back: its number stays unused."""
        reservation.entry.call.reserved = False
        self._driver.waits.dropping += reservation.write.drop
        self._driver.outbox.entries.remove(reservation.entry)


def attempt_row(call: Call, started_at: datetime) -> AttemptRow:
    """The row of an attempt that has begun."""
    return AttemptRow(*call.key, call.attempt, call.args_hash, started_at)


def _unknown(what: str) -> NeedsAttention:
    """Nobody can tell whether a step that may run at most once took effect."""
    advice = "find out whether it took effect, then retry or cancel"
    return NeedsAttention(f"{what} and may run at most once: its outcome is unknown; {advice}")


def _ignore(_: object) -> None:
    return None
