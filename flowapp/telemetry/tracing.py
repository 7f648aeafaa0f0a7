"""OpenTelemetry traces: a run is a trace, a step a span. Ids follow from the run's, so that all processes agree.

Spans are made when their outcome is committed, from what was recorded: a run that several workers executed over days is
one trace. Without OTEL_EXPORTER_OTLP_ENDPOINT nothing of this is even imported.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from flowapp.engine import clock, sweep, telemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import SpanContext

    from flowapp.engine.models import Run
    from flowapp.engine.records import CheckpointRow
    from flowapp.engine.verbs.calls import Call

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 1000  # characters of an error's message


class Tracing(telemetry.Observer):
    """Hands a span processor what the engine did. `ratio` is the share of runs that are traced, chosen by their id."""

    def __init__(self, processor: SpanProcessor, resource: Resource, ratio: float = 1.0) -> None:
        self._processor = processor
        self._resource = resource
        self._bound = round(ratio * (1 << 64))

    def attempting(self, run: Run, call: Call) -> None:
        """Have the spans that the step's own libraries make hang under the step's."""
        if not self._traced(run.id):
            return
        from opentelemetry import context, trace

        span = trace.NonRecordingSpan(_context(run.id, *call.key))
        context.attach(trace.set_span_in_context(span))

    def outcome(self, run: Run, row: CheckpointRow, notes: dict[str, Any] | None) -> None:
        if row.kind in ("stream", "patch") or not self._traced(run.id):
            return
        attributes = _facts(run) | {
            "flowapp.step.name": row.name,
            "flowapp.step.occurrence": row.occurrence,
            "flowapp.step.kind": row.kind,
            "flowapp.step.status": str(row.status),
            "flowapp.step.attempts": row.attempts,
            **(notes or {}),
        }
        self._span(
            row.name,
            _context(run.id, row.name, row.occurrence),
            _context(run.id),
            (row.started_at, row.ended_at),
            attributes,
            row.error if row.status == "failed" else None,
        )

    def ended(self, run: Run, status: str, error: dict[str, Any] | None) -> None:
        if not self._traced(run.id):
            return
        attributes = _facts(run) | {"flowapp.run.status": str(status)}
        links: list[SpanContext] = []
        if run.parent_id is not None:
            name, _, occurrence = run.parent_wait.rpartition("#")
            attributes["flowapp.run.parent_id"] = str(run.parent_id)
            links = [_context(run.parent_id, name, int(occurrence or 0))]
        times = (run.started_at or run.created_at, clock.now())
        failed = error if status in ("failed", "needs_attention") else None
        self._span(run.workflow, _context(run.id), None, times, attributes, failed, links)

    def claimed(self, count: int) -> None:
        """No span of its own."""

    def committed(self, writes: int, seconds: float) -> None:
        """No span of its own."""

    def flush(self) -> None:
        """Send what waits to be sent: the process may end."""
        self._processor.force_flush(3_000)

    def _traced(self, run_id: UUID) -> bool:
        return run_id.int & ((1 << 64) - 1) < self._bound

    def _span(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        times: tuple[datetime, datetime],
        attributes: dict[str, Any],
        error: dict[str, Any] | None,
        links: list[SpanContext] | None = None,
    ) -> None:
        from opentelemetry.sdk.trace import Event, ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import Link, SpanKind, Status, StatusCode

        begin, end = _nanoseconds(times[0]), _nanoseconds(times[1])
        events: list[Event] = []
        status = Status(StatusCode.OK)
        if error is not None:
            kind, message = str(error.get("type")), str(error.get("message"))[:_LONGEST]
            attributes["error.type"] = kind
            stack = "\n".join(error.get("frames") or ())
            told = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
            events = [Event("exception", told, end)]
            status = Status(StatusCode.ERROR, message)
        self._processor.on_end(
            ReadableSpan(
                name,
                context=context,
                parent=parent,
                resource=self._resource,
                attributes=attributes,
                events=events,
                links=[Link(link) for link in links or ()],
                kind=SpanKind.INTERNAL,
                status=status,
                start_time=begin,
                end_time=max(begin, end),
                instrumentation_scope=InstrumentationScope("flowapp"),
            )
        )


def trace_id(run_id: UUID) -> int:
    """The trace of a run: its own 128 bits."""
    return run_id.int


def span_id(run_id: UUID, name: str = "", occurrence: int = 0) -> int:
    """The span of a step, or of the run itself."""
    text = f"{run_id}:{name}:{occurrence}" if name else str(run_id)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) or 1


def _context(run_id: UUID, name: str = "", occurrence: int = 0) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(trace_id(run_id), span_id(run_id, name, occurrence), is_remote=False, trace_flags=flags)


def _facts(run: Run) -> dict[str, Any]:
    return {
        "flowapp.workspace.id": str(run.workspace_id),
        "flowapp.run.id": str(run.id),
        "flowapp.workflow.name": run.workflow,
        "flowapp.workflow.version": run.version,
    }


def _nanoseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def install() -> None:
    """Trace when there is a collector to send to, as OpenTelemetry's own variables name it."""
    if any(os.environ.get(name) for name in ENDPOINTS):
        telemetry.observe(_exporting())


def _exporting() -> Tracing:
    """Traces by OTLP over HTTP; also what the code of steps traces itself, unless it has a provider of its own."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "flowapp")})
    processor = BatchSpanProcessor(OTLPSpanExporter())
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(processor)
        trace.set_tracer_provider(provider)
    tracing = Tracing(processor, resource, _ratio())

    @sweep.companion
    @contextmanager
    def flushing() -> Iterator[None]:
        """A worker that stops sends its last spans."""
        try:
            yield
        finally:
            tracing.flush()

    return tracing


def _ratio() -> float:
    """The share of runs to trace, by OpenTelemetry's variables. All processes agree, for it looks at the run's id."""
    sampler = os.environ.get("OTEL_TRACES_SAMPLER", "always_on").removeprefix("parentbased_")
    if sampler == "always_off":
        return 0.0
    if sampler == "traceidratio":
        return min(1.0, max(0.0, float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1"))))
    return 1.0
