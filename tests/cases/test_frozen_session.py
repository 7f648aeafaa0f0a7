"""A worker that froze in the middle of a transaction keeps its locks only until its lease is over."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from flowapp import Context, workflow
from flowapp.engine import sessions, sweep
from flowapp.engine.line import claims
from flowapp.engine.models import Worker
from tests.cases.engines import die, live_worker

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


@contextmanager
def frozen(worker: Worker) -> Iterator[psycopg.Connection]:
    """A session of this worker in the middle of a transaction, which holds all runs."""
    params = connection.get_connection_params() | {"application_name": sessions.name(worker.host, worker.pid)}
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


def test_a_process_that_registered_anew_keeps_its_sessions():
    run, worker, again = body.start(), live_worker(), live_worker()
    claims.claim(worker.id, ["default"], 1)
    with frozen(worker) as session:
        die(worker)
        for _ in range(3):
            sweep.sweep()
        session.execute("SELECT 1")
    assert (worker.pid, worker.host) == (again.pid, again.host)
    until(lambda: run.status == "queued")


def until(condition: Callable[[], bool]) -> None:
    """Sweep until it holds: PostgreSQL ends a session when it comes round to it."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        sweep.sweep()
