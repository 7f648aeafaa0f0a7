"""For who runs it: readiness, metrics and who may read them, the operations page."""

from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from django.db import DatabaseError
from django.test import Client, override_settings

from flowapp import Context, Cron, FlowControl, workflow
from flowapp.engine import clock, crons, registry, runs, telemetry
from flowapp.engine.models import Event, Limit, Run, Schedule
from flowapp.engine.reading import readings
from flowapp.engine.triggering import events, schedules
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.queues import states
from flowapp.integrations.queues.sources import parse
from flowapp.integrations.webhook_tables import WebhookEndpoint
from flowapp.telemetry import metrics, server
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import scoped

from . import flows

TOKEN = "a-token-for-prometheus"
ORDER = {"id": "A-1", "customer": "Nordwind", "total": "1"}


@pytest.fixture
def measured(cast):
    """This process measures."""
    made = metrics.make()
    telemetry.observe(made)
    yield made
    telemetry.observers.remove(made)


def numbers():
    """The metrics as {name and labels: value}."""
    lines = metrics.text().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


def test_ready_while_nothing_is_late(cast):
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@override_settings(FLOWAPP_READY_SECONDS=60)
def test_not_ready_when_a_run_waits_too_long(cast):
    runs.start("ops-order", ORDER, by=SYSTEM)  # and nobody executes it
    assert Client().get("/readyz").status_code == 200
    clock.shift("5m")
    answer = Client().get("/readyz")
    clock.reset()
    told = answer.json()
    assert (answer.status_code, told["status"], told["allowed_seconds"]) == (503, "late", 60)
    assert 299 < told["oldest_due_seconds"] < 330
    assert "a ready run that no worker took" in told["why"]
    assert "no worker is alive" in told["why"]


def test_not_ready_when_a_wait_is_not_woken(dispatcher):
    runs.start("ops-waits", None, by=SYSTEM)
    from flowapp.engine.models import Wait

    Wait.objects.update(due_at=clock.now() - timedelta(minutes=3))
    due = readings.oldest_due()
    assert (due.what, round(due.age)) == ("a wait whose time has come", 180)


def test_not_ready_when_a_schedule_or_a_limit_is_late(cast, monkeypatch):
    async def body(ctx: Context) -> None: ...

    monkeypatch.setattr(registry, "_workflows", {})
    throttled = workflow(name="ops-late", triggers=[Cron("0 * * * *")], control=FlowControl(throttle="1h"))(body)
    schedules.install()
    Schedule.objects.update(next_at=clock.now() - timedelta(hours=5))
    assert (readings.oldest_due().what, round(readings.oldest_due().age / 3600)) == ("a schedule's slot", 5)
    Schedule.objects.update(next_at=clock.now() + timedelta(hours=1))
    throttled.start()
    Limit.objects.update(due_at=clock.now() - timedelta(minutes=2))
    assert (readings.oldest_due().what, round(readings.oldest_due().age)) == ("a start that flow control put off", 120)
    Run.objects.all().delete()
    registry._workflows.clear()  # who does not know the workflow waits for nobody
    Schedule.objects.update(next_at=clock.now() - timedelta(hours=5))
    assert readings.oldest_due() is None


def test_ready_while_a_receiver_is_dead(cast):
    long_ago = clock.now() - timedelta(days=1)
    OutboxMessage.objects.create(id=uuid7(), channel="webhook", key="k", due_at=long_ago, created_at=long_ago)
    assert readings.oldest_due() is None


def test_not_ready_without_a_database(cast, monkeypatch):
    def away(*_):
        raise DatabaseError

    monkeypatch.setattr(readings, "oldest_due", away)
    assert Client().get("/readyz").json() == {"status": "no database"}


def test_metrics_count_what_the_engine_did(measured, dispatcher):
    runs.start("ops-order", ORDER, by=SYSTEM)
    flows.FAILING.add("Nordwind")
    runs.start("ops-order", ORDER, by=SYSTEM)
    runs.cancel(runs.start("ops-waits", None, by=SYSTEM).id, by=SYSTEM)
    found = numbers()
    assert found['flowapp_step_seconds_count{status="completed",step="pay",workflow="ops-order"}'] == 1
    assert found['flowapp_step_seconds_count{status="failed",step="pay",workflow="ops-order"}'] == 1
    assert found['flowapp_runs_ended_total{status="completed",workflow="ops-order"}'] == 1
    assert found['flowapp_runs_ended_total{status="failed",workflow="ops-order"}'] == 1
    assert found['flowapp_runs_ended_total{status="cancelled",workflow="ops-waits"}'] == 1


def test_metrics_read_where_the_installation_stands(measured, dispatcher, cast):
    runs.start("ops-waits", None, by=SYSTEM)
    with scoped(cast.globex.pk):
        Run.objects.filter(id=runs.start("ops-waits", None, by=SYSTEM).id).update(status="queued")
    found = numbers()
    assert found['flowapp_runs{status="waiting"}'] == 1
    assert found['flowapp_queue_depth{queue="default"}'] == 1
    assert found['flowapp_waits_open{kind="signal"}'] == 2
    assert found["flowapp_prompts_pending"] == 0
    assert "# TYPE flowapp_outbox_pending gauge" in metrics.text().decode()


def test_a_worker_counts_claims_and_commits(measured, embedded_worker):
    from tests.cli.devserver import until

    run = runs.start("ops-order", ORDER, by=SYSTEM)
    until("its end", lambda: run.status == "completed")
    until("claims", lambda: numbers()["flowapp_claims_total"] >= 1)
    assert numbers()["flowapp_commit_writes_sum"] >= 2
    assert numbers()['flowapp_workers{kind="embedded"}'] == 1


def test_made_up_step_names_do_not_grow_without_end(measured, monkeypatch):
    monkeypatch.setattr(metrics, "NAMES", 2)
    assert [measured._named("w", name) for name in ("a", "b", "c", "a")] == ["a", "b", metrics.OTHER, "a"]


def test_metrics_are_for_who_has_the_token(cast, signed_in):
    ask = lambda token="": Client().get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: E731
    assert ask().status_code == ask(TOKEN).status_code == 401
    assert signed_in(cast.ana).get("/metrics").status_code == 401
    with override_settings(FLOWAPP_METRICS_TOKEN=TOKEN):
        assert (ask().status_code, ask(TOKEN + "x").status_code, ask("ümlaut").status_code) == (401, 401, 401)
        answer = ask(TOKEN)
        assert (answer.status_code, answer["Content-Type"]) == (200, metrics.CONTENT_TYPE)
        assert b"flowapp_oldest_due_seconds" in answer.content
    with override_settings(FLOWAPP_MODE="dev"):
        assert ask().status_code == 200


def test_a_worker_serves_its_own(measured, cast):
    opener = build_opener(ProxyHandler({}))

    def ask(port, path, token=""):
        request = Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
        try:
            return opener.open(request, timeout=10).status
        except HTTPError as refused:
            return refused.code

    with override_settings(FLOWAPP_METRICS_TOKEN=TOKEN), server.serving(0) as port:
        assert [ask(port, "/metrics", TOKEN), ask(port, "/metrics"), ask(port, "/", TOKEN)] == [200, 401, 404]


def test_the_operations_page(dispatcher, cast, signed_in):
    runs.start("ops-waits", None, by=SYSTEM)
    with scoped(cast.globex.pk):
        runs.start("ops-waits", None, by=SYSTEM)
    ana = signed_in(cast.ana)
    answer = ana.get("/operations/")
    assert answer.context["runs"]["waiting"] == 1  # of this workspace
    assert "No worker is alive" in answer.content.decode()
    for member in (cast.bo, cast.dev):
        assert signed_in(member).get("/operations/").status_code == 403
        assert "/operations/" not in signed_in(member).get("/runs/").content.decode()


def test_what_needs_a_look_is_on_the_page_and_in_the_metrics(cast, signed_in, measured):
    """An endpoint that was disabled, one that fails, a queue that is not read, an event that is not handled."""
    now = clock.now()
    told = {"events": ["*"], "created_at": now, "url": "https://example.com/", "secret": "-"}
    WebhookEndpoint.objects.create(name="Gone shop", enabled=False, disabled_reason="It answered 410.", **told)
    WebhookEndpoint.objects.create(name="Slow shop", failing_since=now, **told)
    WebhookEndpoint.objects.create(name="Turned off", enabled=False, **told)
    states.Telling(parse("redis-stream://h:6379/0?stream=orders&workspace=acme")).fails(ConnectionError("refused"))
    stuck = events.publish("shop/broken", 1, by=SYSTEM)
    Event.objects.filter(pk=stuck.id).update(looked=False, misses=3, look_at=now, trouble="KeyError: 'total'")
    page = signed_in(cast.ana).get("/operations/").content.decode()
    for words in ("Gone shop", "It answered 410.", "Slow shop", "redis-stream:orders", "h:6379/0", "refused"):
        assert words in page
    assert f"event-{stuck.id}" in page
    assert "KeyError: &#x27;total&#x27;" in page
    assert "Turned off" not in page
    assert "Gone shop" not in signed_in(cast.gil).get("/operations/").content.decode()
    found = numbers()
    assert found['flowapp_endpoints_troubled{state="disabled"}'] == 1
    assert found['flowapp_endpoints_troubled{state="failing"}'] == 1
    assert found['flowapp_queues_unread{source="redis-stream:orders"}'] == 1
    assert found["flowapp_events_stuck"] == 1
    clock.shift("10m")  # nobody says any more that it fails
    assert "redis-stream:orders" not in signed_in(cast.ana).get("/operations/").content.decode()
    clock.reset()


@pytest.mark.parametrize("count", [1, 3])
def test_the_operations_page_takes_as_many_queries_for_three_queues_as_for_one(
    cast, signed_in, count, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr(crons, "declared", list)  # those of other tests' workflows are asked for by one more
    for number in range(count):
        run = runs.start("ops-order", ORDER, by=SYSTEM)
        Run.objects.filter(id=run.id).update(queue=f"q{number}")
    client = signed_in(cast.ana)
    client.get("/operations/")
    with django_assert_num_queries(21):
        page = client.get("/operations/")
    assert len(page.context["queues"]) == count
