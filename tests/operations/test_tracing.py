"""Traces: a run is a trace, a step a span, with ids that every process makes alike."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flowapp.engine import runs, sweep, telemetry
from flowapp.engine.models import Run
from flowapp.engine.reading import relatives
from flowapp.engine.telemetry import annotate
from flowapp.telemetry import tracing
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current
from tests.cases.engines import dead_worker

from . import flows

ORDER = {"id": "A-1", "customer": "Nordwind", "total": "1"}


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def traced(exporter, dispatcher):
    observer = tracing.Tracing(SimpleSpanProcessor(exporter), Resource.create({"service.name": "test"}))
    telemetry.observe(observer)
    yield observer
    telemetry.observers.remove(observer)


def spans(exporter):
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_run_is_a_trace_and_a_step_a_span(traced, exporter):
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    found = spans(exporter)
    root, step = found["ops-order"], found["pay"]
    assert {span.context.trace_id for span in (root, step)} == {run.id.int}
    assert (step.parent.span_id, root.parent) == (root.context.span_id, None)
    assert root.start_time <= step.start_time <= step.end_time <= root.end_time
    assert dict(step.attributes) == {
        "flowapp.workspace.id": str(current()),
        "flowapp.run.id": str(run.id),
        "flowapp.workflow.name": "ops-order",
        "flowapp.workflow.version": 1,
        "flowapp.step.name": "pay",
        "flowapp.step.occurrence": 1,
        "flowapp.step.kind": "step",
        "flowapp.step.status": "completed",
        "flowapp.step.attempts": 1,
    }
    assert root.attributes["flowapp.run.status"] == "completed"


def test_a_failure_is_an_exception_on_its_span(traced, exporter):
    flows.FAILING.add("Nordwind")
    runs.start("ops-order", ORDER, by=SYSTEM)
    for span in spans(exporter).values():
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.attributes["error.type"] == "ValueError"
    step = spans(exporter)["pay"]
    assert "in pay: raise ValueError" in step.events[0].attributes["exception.stacktrace"]


def test_a_child_is_a_trace_of_its_own_linked_to_the_step(traced, exporter):
    parent = runs.start("ops-parent", [1], by=SYSTEM)
    [child] = relatives.children(parent.id)[0]
    [own] = [
        span for span in exporter.get_finished_spans() if span.context.trace_id == child.id.int and span.parent is None
    ]
    [link] = own.links
    assert (link.context.trace_id, link.context.span_id) == (
        parent.id.int,
        tracing.span_id(parent.id, "ops-child", 1),
    )


def test_a_run_that_took_its_worker_down_is_a_trace_too(traced, exporter):
    run = runs.start("ops-waits", None, by=SYSTEM)
    exporter.clear()
    row = Run.objects.filter(pk=run.id)
    row.update(status="running", worker_id=dead_worker().id, claims=sweep.POISON_CLAIMS)
    sweep.sweep()
    root = spans(exporter)["ops-waits"]
    assert (root.attributes["flowapp.run.status"], root.attributes["error.type"]) == ("needs_attention", "PoisonRun")


def test_ids_follow_from_the_run(cast):
    from uuid import uuid4

    run_id = uuid4()
    made = {tracing.span_id(run_id), tracing.span_id(run_id, "a", 1), tracing.span_id(run_id, "a", 2)}
    assert len(made) == 3
    assert tracing.span_id(run_id, "a", 1) == tracing.span_id(run_id, "a", 1)
    assert tracing.trace_id(run_id) == run_id.int


def test_what_a_step_traces_and_says_itself_hangs_under_its_span(traced, exporter, monkeypatch):
    seen = []

    def pay(order):
        seen.append(trace.get_current_span().get_span_context())
        notes: dict[str, str | int] = {"gen_ai.request.model": "small", "gen_ai.usage.input_tokens": 7}
        annotate(**notes)
        return "paid"

    monkeypatch.setattr(flows.pay, "fn", pay)
    runs.start("ops-order", ORDER, by=SYSTEM)
    step = spans(exporter)["pay"]
    assert (seen[0].trace_id, seen[0].span_id) == (step.context.trace_id, step.context.span_id)
    assert (step.attributes["gen_ai.request.model"], step.attributes["gen_ai.usage.input_tokens"]) == ("small", 7)


def test_a_share_of_runs(dispatcher, exporter):
    none = tracing.Tracing(SimpleSpanProcessor(exporter), Resource.create({}), ratio=0.0)
    telemetry.observe(none)
    try:
        runs.start("ops-order", ORDER, by=SYSTEM)
    finally:
        telemetry.observers.remove(none)
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("sampler", "argument", "ratio"),
    [("always_on", "", 1.0), ("always_off", "", 0.0), ("parentbased_traceidratio", "0.25", 0.25)],
)
def test_the_share_comes_from_opentelemetrys_own_variables(monkeypatch, sampler, argument, ratio):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    if argument:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert tracing._ratio() == ratio


def test_nothing_observes_without_a_collector(monkeypatch):
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    before = list(telemetry.observers)
    tracing.install()
    assert telemetry.observers == before


def test_a_collector_receives_them(dispatcher, monkeypatch):
    """Over a real connection, as OTLP over HTTP."""
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        observer = tracing.Tracing(SimpleSpanProcessor(OTLPSpanExporter()), Resource.create({"service.name": "test"}))
        telemetry.observe(observer)
        try:
            run = runs.start("ops-order", ORDER, by=SYSTEM)
        finally:
            telemetry.observers.remove(observer)
            collector.shutdown()
    found = []
    for path, body in received:
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(body)
        found += [span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]
    assert {span.name for span in found} == {"ops-order", "pay"}
    assert {span.trace_id for span in found} == {run.id.bytes}
