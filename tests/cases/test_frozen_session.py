"""A worker that froze in the middle of a transaction keeps its locks only until its lease is over."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from flowapp import Context, workflow
from flowapp.dispatch.embedded import EmbeddedDispatcher
from flowapp.engine import clock, sessions, sweep
from flowapp.engine.line import claims
from flowapp.engine.models import Worker
from tests.cases import engines
from tests.cases.engines import die

pytestmark = [
    pytest.mark.usefixtures("workspace"),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one process by design"),
]


@workflow(name="frozen-over")
async def body(ctx: Context) -> str:
    return "done"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SILENT", 0.0)
    monkeypatch.setattr(sessions, "_refused", False)


def live_worker(token: str = "") -> Worker:
    worker = engines.live_worker()
    worker.token = token or "0123456789ab"
    worker.save(update_fields=["token"])
    return worker


@contextmanager
def frozen(worker: Worker) -> Iterator[psycopg.Connection]:
    """A session of this worker in the middle of a transaction, which holds all runs."""
    named = sessions.name(worker.token, worker.pid, worker.host)
    params = connection.get_connection_params() | {"application_name": named}
    known = {
        key: params[key] for key in ("host", "port", "user", "password", "dbname", "application_name") if key in params
    }
    with psycopg.connect(**known) as session:
        session.execute("SELECT id FROM engine_run FOR UPDATE")
        yield session


def test_who_takes_over_does_not_wait_for_it():
    run, worker = body.start(), live_worker()
    claims.claim(worker.id, ["default"], 1)
    with frozen(worker) as session:
        sweep.sweep()
        assert run.status == "running"
        die(worker)
        until(lambda: run.status == "queued")
        with pytest.raises(psycopg.errors.AdminShutdown):
            session.execute("SELECT 1")


def again(worker: Worker) -> None:
    """Its process registers anew."""
    live_worker(worker.token)


def stops(worker: Worker) -> None:
    """It stops in order, as a lease does (flowapp.engine.lease)."""
    Worker.objects.filter(pk=worker.pk).update(token="")


def long_ago(worker: Worker) -> None:
    """It is lost for so long that the server has ended its transactions."""
    Worker.objects.filter(pk=worker.pk).update(lease_until=clock.now() - sweep.FROZEN_AT_MOST - timedelta(seconds=1))


def slow(worker: Worker) -> None:
    """What it said last is not long ago."""
    sessions.SILENT = 60.0  # put back by the fixture


def other(worker: Worker) -> None:
    """Another process of a host and a process id of the same names."""
    Worker.objects.filter(pk=worker.pk).update(token="ba9876543210")


@pytest.mark.parametrize("how", [again, stops, long_ago, slow, other])
def test_whose_sessions_are_left_alone(how: Callable[[Worker], None]):
    run, worker = body.start(), live_worker()
    claims.claim(worker.id, ["default"], 1)
    with frozen(worker) as session:
        die(worker)
        how(worker)
        for _ in range(3):
            sweep.sweep()
        session.execute("SELECT 1")
    until(lambda: run.status == "queued")


def test_a_session_that_does_something_is_left_alone():
    run, worker = body.start(), live_worker()
    claims.claim(worker.id, ["default"], 1)
    with frozen(worker) as session, session.cursor() as cursor:
        session.pgconn.send_query(b"SELECT pg_sleep(0.4)")
        die(worker)
        for _ in range(3):
            sweep.sweep()
        while session.pgconn.is_busy():
            session.pgconn.consume_input()
        while session.pgconn.get_result() is not None:
            pass
        cursor.execute("SELECT 1")
    until(lambda: run.status == "queued")


def test_a_server_that_does_not_allow_it_stops_no_sweep(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(sessions, "_END", "SELECT not_allowed(%s, %s)")
    run, worker = body.start(), live_worker()
    claims.claim(worker.id, ["default"], 1)
    die(worker)
    for _ in range(2):
        sweep.sweep()
    assert run.status == "queued"
    assert caplog.text.count("the sessions of lost workers could not be ended") == 1


def test_a_process_names_its_sessions_and_takes_its_name_along():
    dispatcher = EmbeddedDispatcher(concurrency=2, queues=["default"])
    dispatcher.start()
    try:
        worker = Worker.objects.get()
        named = sessions.name(worker.token, worker.pid, worker.host)
        body.start()
        until(lambda: count(named) >= 2, sweeping=False)
    finally:
        dispatcher.stop()
    assert worker.token == sessions.token()
    assert Worker.objects.get().token == ""


def count(named: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [named])
        return int(cursor.fetchone()[0])


def until(condition: Callable[[], bool], *, sweeping: bool = True) -> None:
    """Until it holds: PostgreSQL ends a session when it comes round to it."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        if sweeping:
            sweep.sweep()
        else:
            time.sleep(0.01)


def test_a_sweep_does_not_wait_for_what_it_holds():
    def patience() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            return str(cursor.fetchone()[0])

    before = patience()
    with sweep.impatient():
        assert patience() == f"{sweep.INTERVAL:g}s"
    assert patience() == before == "10s"
