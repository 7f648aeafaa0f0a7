"""The modes that every promise is held to, and how a case crashes a worker, moves time or deploys other code."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest

from flowapp.dispatch.embedded import EmbeddedDispatcher
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import attendance, clock, process, registry, store, sweep
from flowapp.engine.errors import Fenced
from flowapp.engine.handle import Run as RunHandle
from flowapp.engine.lease import Lease
from flowapp.engine.models import Event, Run, Wait, Worker
from flowapp.engine.records import Outcome, Write
from flowapp.engine.registry import WorkflowDefinition, workflow
from flowapp.tenancy.ids import uuid7
from tests.environment import backend

from . import effects
from .celery_process import CeleryProcess
from .celery_worker import CeleryWorker

# Replays read what was recorded, whatever recorded it: to suspend after every outcome on one database is enough.
ALONE = ("immediate", "always-suspend") if backend() == "sqlite" else ("immediate",)
MODES = (*ALONE, "embedded")
BESIDE = (  # cases that make no sense where nothing runs beside them
    "test_at_most_once::test_what_runs_beside_it_finishes_first",
    "test_atomic_step::test_a_connection_that_is_cut_at_the_commit",
    "test_atomic_step::test_a_timeout_undoes_its_writes",
    "test_cancel::test_a_step_under_way_writes_nothing_more",
    "test_event_at_the_timeout::test_a_decision_and_the_timeout_at_once",
    "test_event_at_the_timeout::test_an_event_and_the_timeout_at_once",
    "test_event_at_the_timeout::test_both_at_once",
    "test_fan_out::test_items_inside_are_counted_too",
    "test_long_step",
    "test_lost_commit_answer",
    "test_pause::test_a_pause_taken_back",
    "test_pause::test_between_two_steps",
)
UNDISTURBED = (  # and cases that put themselves in the way of what runs, so nothing may run beside them
    "test_pause::test_a_commit_that_is_tried_again_after_the_resume_opens_what_goes_on",
    "test_pause::test_what_is_opened_while_a_person_resumes_is_not_left_paused",
)
CELERY = "celery"  # one more, on PostgreSQL, for these cases (a file, or one of its tests)
DISPATCHED = (
    "test_approval_after_deploy",
    "test_atomic_step::test_a_connection_that_is_cut_at_the_commit",
    "test_atomic_step::test_a_failure_undoes_its_writes",
    "test_atomic_step::test_a_lost_answer",
    "test_atomic_step::test_a_timeout_undoes_its_writes",
    "test_cancel",
    "test_child_runs",
    "test_compensation",
    "test_continue_as_new",
    "test_cron::test_missed_slots_are_made_up_once",
    "test_cron::test_once_a_slot",
    "test_cron::test_once_a_slot_with_several_schedulers",
    "test_event_at_the_timeout",
    "test_event_before_wait",
    "test_fan_out",
    "test_first_cancels_losers",
    "test_fork::test_only_the_rest_runs_again",
    "test_gather_partial_failure",
    "test_gather_replays",
    "test_long_step",
    "test_lost_commit_answer::test_nothing_is_doubled",
    "test_lost_doorbells",
    "test_patched",
    "test_pause",
    "test_retry_after::test_the_delay_is_the_one_asked_for",
    "test_retry_after::test_what_breaks_the_decision_on_a_retry_stops_the_run_for_a_person",
    "test_retry_run",
    "test_signal_before_wait",
    "test_signals_in_order",
    "test_sleep_deadline",
    "test_slots_after_crashes",
    "test_two_versions",
    "test_waiting_holds_no_slot",
)
PROCESS = "process"  # and one for these: a Celery worker in a process of its own, whose crash is a SIGKILL
KILLED = (
    "test_at_most_once::test_a_known_outcome_is_not_repeated",
    "test_at_most_once::test_a_person_is_asked",
    "test_atomic_step::test_a_crash",
    "test_crash_after_checkpoint",
    "test_crash_before_checkpoint",
    "test_crash_during_retries",
    "test_poison::test_one_that_kills_its_worker_each_time_is_set_aside",
    "test_stale_worker",
    "test_streams",
)
ON_POSTGRESQL = pytest.mark.skipif(backend() == "sqlite", reason="SQLite has one process by design")
ONLY_PROCESS = [pytest.param(PROCESS, marks=ON_POSTGRESQL)]
ONLY_CELERY = [pytest.param(CELERY, marks=ON_POSTGRESQL)]
LONGEST = ["embedded"] if backend() == "sqlite" else ONLY_CELERY  # for a long case one mode a backend
PATIENCE = 20.0  # seconds after which a case gives up
AGES = 10 * 365 * 86400.0  # a lease that cases end themselves


def modes(file: str, case: str) -> list[Any]:
    """Those that a case runs in."""
    names = {file, f"{file}::{case}"}
    if names & set(UNDISTURBED):
        return list(ALONE)
    found: list[Any] = [mode for mode in MODES if mode not in ALONE or not names & set(BESIDE)]
    if backend() == "postgresql":
        more = [mode for mode, cases in ((CELERY, DISPATCHED), (PROCESS, KILLED)) if names & set(cases)]
        found += more
    return found


class Crash:
    """A worker that dies at a named step; unless it is a process, it is only cut off from the store."""

    def __init__(self) -> None:
        self._happened = threading.Event()
        self._dead: set[tuple[Any, int]] = set()

    def wait(self) -> None:
        """Return once it has happened."""
        assert self._happened.wait(PATIENCE), "the crash did not happen"

    def apply(self, batch: Sequence[Write], step: str, *, before: bool, real: Callable[..., Any]) -> list[Outcome]:
        """Commit a batch, but for what a dead worker would not have committed; the dead hear no answer."""
        hit = [] if self._happened.is_set() else [write for write in batch if _records(write, step)]
        lost = [write for write in batch if (write.run_id, write.fence) in self._dead] + (hit if before else [])
        written = [write for write in batch if write not in lost]
        outcomes = dict(zip(map(id, written), real(written) if written else [], strict=True))
        self._dead.update((write.run_id, write.fence) for write in hit)
        if hit:
            self._happened.set()
        return [Fenced() if (write.run_id, write.fence) in self._dead else outcomes[id(write)] for write in batch]

    def commit(self, work: Callable[[], Write], step: str, *, before: bool, real: Callable[..., None]) -> None:
        """Commit an atomic step, unless its worker is dead by then; the dead hear no answer."""

        def working() -> Write:
            write = work()
            if not self._happened.is_set() and _records(write, step):
                self._dead.add((write.run_id, write.fence))
            if before and (write.run_id, write.fence) in self._dead:
                raise Fenced
            return write

        try:
            real(working)
        finally:
            if self._dead:
                self._happened.set()
        if self._dead:
            raise Fenced


def _records(write: Write, step: str) -> bool:
    return any(row.name == step for row in write.checkpoints)


class Engine:
    """Executes the runs of a case in one mode."""

    def __init__(
        self,
        mode: str,
        patch: pytest.MonkeyPatch,
        celery: CeleryWorker | None = None,
        process: CeleryProcess | None = None,
        lease_seconds: float = AGES,
    ) -> None:
        self.mode, self._lease_seconds = mode, lease_seconds
        self.embedded = mode in ("embedded", CELERY, PROCESS)  # runs execute by themselves, beside the case
        self._celery, self._process = celery, process
        self._patch = patch
        self._immediate = ImmediateDispatcher(always_suspend=mode == "always-suspend")

    def running(self) -> AbstractContextManager[object]:
        """Execute what becomes ready within this block."""
        if self._process is not None:
            return self._process.executing()
        if self._celery is not None:
            return self._celery.executing(lease_seconds=self._lease_seconds)
        return _embedded(lease_seconds=self._lease_seconds) if self.embedded else self._immediate.installed()

    def settle(self) -> None:
        """Let every run come to rest."""
        if self.embedded:
            self.until(_at_rest)
        else:
            self._immediate.drain()

    def _heard(self) -> bool:
        """Know what a worker in a process of its own has done."""
        if self._process is not None:
            self._process.shared.read_effects()
        return True

    def until(self, condition: Callable[[], object], *, patience: float = PATIENCE) -> None:
        """Return once a condition holds (at once, when nothing runs beside the case)."""
        end = time.monotonic() + patience
        while not (self._heard() and condition()):
            if not self.embedded or time.monotonic() > end:
                pytest.fail(f"it never came to be; runs: {_shown()}")
            time.sleep(0.005)

    def shift(self, by: str, *, settle: bool = True) -> None:
        """Move the clock, do what time has made due, and let every run come to rest."""
        clock.shift(by)
        self.sweep(settle=settle)

    def sweep(self, *, settle: bool = True) -> None:
        """Do what time has made due, and let every run come to rest."""
        sweep.sweep()
        if settle:
            self.settle()

    def drain(self, queue: str) -> None:
        """Execute what lies on another queue, as its own worker would, and let every run come to rest."""
        with self.working(queue):
            self.settle()

    @contextmanager
    def working(self, queue: str) -> Iterator[None]:
        """Within this block another queue has a worker (which, where nothing runs beside the case, works at once)."""
        if self._celery is not None:
            with self._celery.serving(queue):
                yield
        elif self.embedded:
            with _embedded(queue):
                yield
        else:
            self._immediate.drain(["default", queue])
            yield

    def crash_before(self, step: str) -> AbstractContextManager[Crash | CeleryProcess]:
        """Within this block a worker dies when the step has run and its checkpoint is not committed."""
        return self._crash(step, before=True)

    def crash_after(self, step: str) -> AbstractContextManager[Crash | CeleryProcess]:
        """Within this block a worker dies when the step's checkpoint has just been committed."""
        return self._crash(step, before=False)

    @contextmanager
    def closed(self, gate: str) -> Iterator[Callable[[], None]]:
        """Whoever calls `effects.enter` on this gate stands there until it is opened, or the block ends."""
        if self._process is None:
            with effects.closed(gate) as event:
                yield event.set
            return
        self._process.shared.close(True)
        try:
            yield lambda: self._process.shared.close(False)
        finally:
            self._process.shared.close(False)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Within this block the worker stands still, its lease runs out, and another one takes over."""
        assert self._process is not None
        self._process.stop()
        Worker.objects.update(lease_until=clock.now() - timedelta(seconds=1))
        self._process.start()
        yield
        self._process.go_on()

    @contextmanager
    def _crash(self, step: str, *, before: bool) -> Iterator[Crash | CeleryProcess]:
        if self._process is not None:
            self._process.shared.arm(step, before=before)
            yield self._process
            return self._process.wait()
        crash, apply, commit = Crash(), store.apply, store.commit_atomic
        with self._patch.context() as patch:
            patch.setattr(store, "apply", lambda batch: crash.apply(batch, step, before=before, real=apply))
            patch.setattr(store, "commit_atomic", lambda work: crash.commit(work, step, before=before, real=commit))
            yield crash
            crash.wait()

    def recover(self, *, settle: bool = True) -> None:
        """The leases of those who hold runs have run out: others go on. A process is replaced, and finds out itself."""
        if self._process is not None:
            self._process.start()
            return self.settle() if settle else None
        Run.unscoped.filter(status="running").update(worker_id=dead_worker().id)
        self.sweep(settle=settle)

    def deploy[I, O](
        self, old: WorkflowDefinition[I, O], body: Callable[..., Awaitable[Any]], *, version: int | None = None
    ) -> WorkflowDefinition[Any, Any]:
        """Replace the code of a workflow; with another `version` the old one stays beside it."""
        if version is None:
            self.undeploy(old)
        return workflow(name=old.name, version=version or old.version)(body)

    def undeploy(self, old: WorkflowDefinition[Any, Any]) -> None:
        """Take a version of a workflow out of the code."""
        self._patch.delitem(registry._workflows, (old.name, old.version))


def dead_worker() -> Worker:
    """A worker whose lease ran out."""
    worker = live_worker()
    die(worker)
    return worker


def live_worker() -> Worker:
    """A worker of which nothing but its row exists."""
    now = clock.now()
    return Worker.objects.create(
        id=uuid7(),
        kind="embedded",
        host="elsewhere",
        pid=1,
        concurrency=1,
        started_at=now,
        heartbeat_at=now,
        lease_until=now + timedelta(seconds=15),
    )


def die(worker: Worker) -> None:
    """Have its lease run out."""
    worker.lease_until = clock.now() - timedelta(seconds=1)
    worker.save(update_fields=["lease_until"])


@contextmanager
def _embedded(queue: str = "default", lease_seconds: float = AGES) -> Iterator[EmbeddedDispatcher]:
    dispatcher = EmbeddedDispatcher(concurrency=16, queues=[queue])
    with mock.patch.object(process, "Lease", partial(Lease, seconds=lease_seconds)):
        dispatcher.start()
    try:
        yield dispatcher
    finally:
        dispatcher.stop()


def _at_rest() -> bool:
    """Whether nothing runs, and nobody is about to look for something."""
    busy = Run.unscoped.filter(status__in=("queued", "running"), held=False)
    looking = [model.unscoped.filter(looked=False) for model in (Wait, Event)]
    return not (any(rows.exists() for rows in (*looking, busy, *looking)) or _attending() or busy.exists())


def _attending() -> bool:
    return any(attendant.busy for attendant in attendance.attendants)


def _shown() -> list[tuple[Any, ...]]:
    return list(Run.unscoped.values_list("workflow", "status", "error"))


def ended(run: RunHandle) -> tuple[str, Any]:
    """How a run stands: its status, and its output or the type of its error."""
    detail = run.detail
    return detail.status, detail.error["type"] if detail.error else detail.output
