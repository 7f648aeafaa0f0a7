"""Prometheus metrics: what this process did, counted as it happens; where the installation stands, read when asked.

What the engine observes is put into a queue and counted when somebody looks or the queue is full: a step costs the loop
an append and nothing more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from flowapp.engine import telemetry
from flowapp.engine.reading import readings

if TYPE_CHECKING:
    from flowapp.engine.models import Run
    from flowapp.engine.records import CheckpointRow
    from flowapp.engine.verbs.calls import Call

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FRESH: Final = 2.0  # seconds for which the readings of the database are told again
NAMES: Final = 500  # step names a process tells apart; a workflow may make them up as it goes
OTHER: Final = "(other)"
_HELD: Final = 10_000
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

type Reading = Callable[[], Iterable[Metric]]
_readings: list[Reading] = []


def reading(function: Reading) -> Reading:
    """Have a room's gauges read with the engine's: cheap questions over all workspaces."""
    _readings.append(function)
    return function


class Measurements(telemetry.Observer):
    """What this process's engine did since it started."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._names: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._steps = Histogram(
            "flowapp_step_seconds",
            "How long steps took, from the beginning of their last attempt.",
            ("workflow", "step", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._retries = Counter(
            "flowapp_step_retries", "Attempts of steps after their first.", ("workflow", "step"), registry=registry
        )
        self._ended = Counter(
            "flowapp_runs_ended", "Runs that ended, or stopped for a person.", ("workflow", "status"), registry=registry
        )
        self._claims = Counter("flowapp_claims", "Runs that this process took.", registry=registry)
        self._sizes = Histogram(
            "flowapp_commit_writes", "Writes that were committed together.", buckets=_SIZES, registry=registry
        )
        self._commits = Histogram(
            "flowapp_commit_seconds", "How long a commit took.", buckets=_SECONDS, registry=registry
        )

    def attempting(self, run: Run, call: Call) -> None:
        """Nothing to count: the outcome tells."""

    def outcome(self, run: Run, row: CheckpointRow, notes: dict[str, Any] | None) -> None:
        if row.kind == "step":
            self._put(lambda: self._count_step(run.workflow, row))

    def ended(self, run: Run, status: str, error: dict[str, Any] | None) -> None:
        self._put(lambda: self._ended.labels(run.workflow, str(status)).inc())

    def claimed(self, count: int) -> None:
        self._put(lambda: self._claims.inc(count))

    def committed(self, writes: int, seconds: float) -> None:
        self._put(lambda: self._count_commit(writes, seconds))

    def settle(self) -> None:
        """Count what waits to be counted."""
        with self._lock:
            while self._waiting:
                self._waiting.popleft()()

    def _put(self, count: Callable[[], None]) -> None:
        self._waiting.append(count)
        if len(self._waiting) > _HELD:
            self.settle()

    def _count_step(self, workflow: str, row: CheckpointRow) -> None:
        step = self._named(workflow, row.name)
        seconds = max(0.0, (row.ended_at - row.started_at).total_seconds())
        self._steps.labels(workflow, step, str(row.status)).observe(seconds)
        if row.attempts > 1:
            self._retries.labels(workflow, step).inc(row.attempts - 1)

    def _count_commit(self, writes: int, seconds: float) -> None:
        self._sizes.observe(writes)
        self._commits.observe(seconds)

    def _named(self, workflow: str, step: str) -> str:
        if (workflow, step) not in self._names:
            if len(self._names) >= NAMES:
                return OTHER
            self._names.add((workflow, step))
        return step


class Readings(Collector):
    """Where the installation stands, read from the database; told again for a moment, so that scrapes cost little."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = -FRESH
        self._known: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not ask the database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH:
                self._known = [*_engine_readings(), *(metric for read in _readings for metric in read())]
                self._read_at = time.monotonic()
            return self._known


def _engine_readings() -> Iterator[Metric]:
    queues = readings.queues()
    due = readings.oldest_due(queues)
    waits = readings.open_waits()
    workers = readings.live_workers()
    yield gauge(
        "flowapp_queue_depth", "Ready runs that no worker took yet.", "queue", {q.name: q.depth for q in queues}
    )
    yield gauge(
        "flowapp_queue_oldest_seconds",
        "How long the run that waits longest in a queue has been ready.",
        "queue",
        {q.name: q.age for q in queues},
    )
    yield gauge(
        "flowapp_oldest_due_seconds",
        "The age of the oldest thing that is due; 0: nothing is.",
        "",
        due.age if due else 0,
    )
    yield gauge("flowapp_runs", "Runs in each live status.", "status", readings.live_runs())
    yield gauge("flowapp_waits_open", "Open waits of runs, by kind.", "kind", waits)
    yield gauge("flowapp_prompts_pending", "Prompts that wait for a decision.", "", waits.get("prompt", 0))
    kinds = {kind: sum(one.kind == kind for one in workers) for kind in {one.kind for one in workers}}
    yield gauge("flowapp_workers", "Live workers, by kind.", "kind", kinds)
    yield gauge(
        "flowapp_worker_slots",
        "Runs that the live workers can execute at once.",
        "",
        sum(one.concurrency for one in workers),
    )
    yield gauge(
        "flowapp_events_stuck",
        "Events that could not be handled and are tried again.",
        "",
        readings.count_stuck_events(),
    )
    yield gauge("flowapp_bulk_jobs_running", "Bulk verbs being worked on.", "", readings.open_bulk_jobs())


def gauge(name: str, help: str, label: str, values: dict[str, float] | dict[str, int] | float) -> Metric:
    """A gauge without a label and one value, or with one label and a value for each."""
    if not isinstance(values, dict):
        return GaugeMetricFamily(name, help, value=values)
    family = GaugeMetricFamily(name, help, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family


_registry: CollectorRegistry | None = None
_measurements: Measurements | None = None


def install() -> None:
    """Begin to measure where metrics can be fetched: with a token set, and in `flowapp dev`."""
    if settings.FLOWAPP_METRICS_TOKEN or settings.FLOWAPP_MODE == "dev":
        telemetry.observe(make())


def make() -> Measurements:
    """This process's registry and measurements, made anew."""
    global _registry, _measurements
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter is of no use
    _registry = CollectorRegistry()
    ProcessCollector(registry=_registry)
    GCCollector(registry=_registry)
    _measurements = Measurements(_registry)
    _registry.register(Readings())
    return _measurements


def text() -> bytes:
    """All metrics as Prometheus reads them."""
    if _registry is None or _measurements is None:
        make()
    assert _registry is not None
    assert _measurements is not None
    _measurements.settle()
    return generate_latest(_registry)
