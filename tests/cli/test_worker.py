"""`flowapp worker`: on Celery where there is a broker, else embedded; both need PostgreSQL."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.devserver import FLOWAPP, DevServer, environ, flowapp, until

EXPENSE = '{"employee": "Ana Ruiz", "amount": "80.00", "purpose": "a test"}'


@contextlib.contextmanager
def worker(folder: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [FLOWAPP, "worker", *arguments], cwd=folder, env=environ(**variables), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def kinds(server: DevServer) -> list[str]:
    return sorted(one["kind"] for one in server.call("GET", "/workers")["items"])


def test_celery_executes_what_dev_starts(tmp_path: Path, migrated_postgres_url: str, redis_url: str) -> None:
    variables = {"FLOWAPP_DATABASE_URL": migrated_postgres_url, "FLOWAPP_BROKER_URL": redis_url}
    server = DevServer(tmp_path, **variables)
    with worker(tmp_path, "--concurrency", "4", **variables) as early:
        # Nothing is generated yet.
        code = early.wait(30)
        assert code == 1
        assert "FLOWAPP_SECRET_KEY is not set" in (tmp_path / "worker.log").read_text()
    try:
        server.start()
        assert kinds(server) == []
        run = server.run("run", "expense-approval", "--input", EXPENSE).stdout.strip()
        with worker(tmp_path, "--concurrency", "4", **variables) as process:
            until("the run to complete", lambda: server.call("GET", f"/runs/{run}")["status"] == "completed")
            assert kinds(server) == ["celery"]
            done = server.run("run", "expense-approval", "--input", EXPENSE, "--wait")
            assert done.returncode == 0, done.stderr
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    finally:
        server.kill()
    told = (tmp_path / "worker.log").read_text()
    assert told.splitlines()[1] == "flowapp worker (Celery): queues default; 4 runs at once; Ctrl+C stops it"
    assert "Traceback" not in told


def test_an_embedded_worker_waits_for_the_tables_then_works(tmp_path: Path, postgres_url: str) -> None:
    server = DevServer(tmp_path, FLOWAPP_DATABASE_URL=postgres_url)
    log = tmp_path / "worker.log"
    variables = dict.fromkeys(("FLOWAPP_SECRET_KEY", "FLOWAPP_ENCRYPTION_KEYS"), "k7Vd2mXw9LkR4tYb8NcZ1hJf6PsGa3Ue")
    # It may be up before the demo's story is told, and then executes a part of it.
    variables |= {"FLOWAPP_DATABASE_URL": postgres_url, "FLOWAPP_WORKFLOWS": "workflows,flowapp.demo.workflows"}
    with worker(tmp_path, "--queues", "default,heavy", **variables) as process:
        until("the worker to wait", lambda: "waiting: the database is not migrated yet" in log.read_text())
        try:
            server.start()
            until("the worker to work", lambda: "queues default, heavy; 100 runs at once" in log.read_text())
            assert kinds(server) == ["embedded", "embedded"]
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            server.kill()


def test_a_worker_needs_postgresql(shared: DevServer) -> None:
    done = shared.run("worker")
    assert done.returncode == 1
    assert done.stderr.startswith("flowapp: a worker beside the server needs PostgreSQL: ")


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_wrong_number_is_wrong_usage(tmp_path: Path, number: str) -> None:
    done = flowapp("worker", f"--concurrency={number}", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("flowapp worker: argument --concurrency: ")
