"""A concurrency limit holds over worker processes on PostgreSQL, one of which is killed while it works."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from .limited_flows import LIMIT

pytestmark = pytest.mark.own_servers

ROOT = Path(__file__).parents[2]
RUNS = 120
PATIENCE = 90.0  # seconds
START = f"""
import django; django.setup()
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from tests.engine.limited_flows import limited
with scoped(Workspace.objects.create(name="Acme", slug="acme").pk):
    for number in range({RUNS}):
        limited.start("ab"[number % 2])
"""


@pytest.fixture
def environ(tmp_path: Path, postgres_url: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWAPP_", "DJANGO_"))}
    return plain | {
        "DJANGO_SETTINGS_MODULE": "flowapp.settings",
        "FLOWAPP_MODE": "test",
        "FLOWAPP_HOME": str(tmp_path),
        "FLOWAPP_DATABASE_URL": postgres_url,
        "FLOWAPP_WORKFLOWS": "tests.engine.limited_flows",
    }


@pytest.fixture
def workers(environ: dict[str, str], tmp_path: Path) -> Iterator["Workers"]:
    found = Workers(environ, tmp_path)
    yield found
    for process in found.processes:
        process.kill()
        process.wait()


class Workers:
    """Worker processes, and what their runs wrote down."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ, self._folder = environ, folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [
            str(Path(sys.executable).with_name("flowapp")),
            "worker",
            "--concurrency",
            "2",
        ]  # fewer than slots: both get some
        with (self._folder / "workers.log").open("ab") as log:
            self.processes.append(subprocess.Popen(command, env=self._environ, cwd=ROOT, stdout=log, stderr=log))
        return self.processes[-1]

    def lines(self) -> list[list[str]]:
        log = self._folder / "work.log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def until(self, what: str, found: Callable[[], object]) -> None:
        """Return once `found` finds something."""
        end = time.monotonic() + PATIENCE
        while not found():
            assert time.monotonic() < end, f"waited for {what}: {self.log()[-3000:]}"
            time.sleep(0.01)

    def log(self) -> str:
        return (self._folder / "workers.log").read_text(errors="replace")


def most_at_once(lines: list[list[str]]) -> Counter[str]:
    """How many worked under each key at the same moment, at the most."""
    busy, most = Counter[str](), Counter[str]()
    by_process = Counter[tuple[str, str]]()
    for verb, key, process in lines:
        if verb == "killed":
            for (one, owner), count in by_process.items():
                busy[one] -= count if owner == process else 0
            continue
        step = 1 if verb == "in" else -1
        busy[key] += step
        by_process[key, process] += step
        most[key] = max(most[key], busy[key])
    return most


def test_the_limit_holds_and_no_slot_is_lost(workers: Workers, environ: dict[str, str], postgres_url: str):
    def run(*command: str) -> None:
        subprocess.run([sys.executable, *command], env=environ, cwd=ROOT, check=True, timeout=PATIENCE)

    run("manage.py", "migrate", "--verbosity=0", "--skip-checks")
    victim, _ = workers.start(), workers.start()
    workers.until("both to be ready", lambda: workers.log().count("at once") == 2)
    run("-c", START)
    workers.until("both to work", lambda: len({line[2] for line in workers.lines()}) == 2)
    workers.until("the victim to be at work", lambda: workers.lines()[-1][::2] == ["in", str(victim.pid)])
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    with (Path(environ["FLOWAPP_HOME"]) / "work.log").open("a") as log:
        log.write(f"killed - {victim.pid}\n")
    workers.start()  # and a third in its place, which finds that it is dead
    with psycopg.connect(postgres_url, autocommit=True) as database:
        query = "SELECT count(*) FROM engine_run WHERE status = 'completed'"
        workers.until("all to complete", lambda: database.execute(query).fetchone() == (RUNS,))
    assert most_at_once(workers.lines()) == {"a": LIMIT, "b": LIMIT}
