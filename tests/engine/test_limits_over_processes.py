"""Flow control holds over processes on PostgreSQL, one of which is killed: over workers, and over those who start."""

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

from tests import prepared, servers

from .limited_flows import LIMIT

pytestmark = pytest.mark.own_servers

ROOT = Path(__file__).parents[2]
RUNS = 120
PATIENCE = 90.0  # seconds
PREPARE = """
import django; django.setup()
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from tests.engine import limited_flows
workspace, _ = Workspace.objects.get_or_create(slug="acme", defaults={"name": "Acme"})
"""
START = f"""{PREPARE}
with scoped(workspace.pk):
    for number in range({RUNS}):
        limited_flows.limited.start("ab"[number % 2])
"""
TIMES = 8
START_ALL = f"""{PREPARE}
import sys
with scoped(workspace.pk):
    limited_flows.start_all(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def database_url(postgres_server: servers.Postgres) -> Iterator[str]:
    url = postgres_server.new_database(like=prepared.postgres(postgres_server))
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> dict[str, str]:
    """Of processes that share a database, which is migrated."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWAPP_", "DJANGO_"))}
    made = plain | {
        "DJANGO_SETTINGS_MODULE": "flowapp.settings",
        "FLOWAPP_MODE": "test",
        "FLOWAPP_HOME": str(tmp_path_factory.mktemp("home")),
        "FLOWAPP_DATABASE_URL": database_url,
        "FLOWAPP_WORKFLOWS": "tests.engine.limited_flows",
    }
    run(made, "-c", PREPARE)
    return made


def run(environ: dict[str, str], *command: str) -> None:
    subprocess.run([sys.executable, *command], env=environ, cwd=ROOT, check=True, timeout=PATIENCE)


@pytest.fixture
def workers(environ: dict[str, str], tmp_path: Path) -> Iterator["Workers"]:
    Path(environ["FLOWAPP_HOME"], "work.log").unlink(missing_ok=True)
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
        return self.spawn(*command)

    def spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "workers.log").open("ab") as log:
            self.processes.append(subprocess.Popen(command, env=self._environ, cwd=ROOT, stdout=log, stderr=log))
        return self.processes[-1]

    def lines(self) -> list[list[str]]:
        log = Path(self._environ["FLOWAPP_HOME"], "work.log")
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


def test_the_limit_holds_and_no_slot_is_lost(workers: Workers, environ: dict[str, str], database_url: str):
    victim, _ = workers.start(), workers.start()
    workers.until("both to be ready", lambda: workers.log().count("at once") == 2)
    run(environ, "-c", START)
    workers.until("both to work", lambda: len({line[2] for line in workers.lines()}) == 2)
    workers.until("the victim to be at work", lambda: workers.lines()[-1][::2] == ["in", str(victim.pid)])
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    with (Path(environ["FLOWAPP_HOME"]) / "work.log").open("a") as log:
        log.write(f"killed - {victim.pid}\n")
    workers.start()  # and a third in its place, which finds that it is dead
    with psycopg.connect(database_url, autocommit=True) as database:
        query = "SELECT count(*) FROM engine_run WHERE status = 'completed' AND workflow = 'limited-everywhere'"
        workers.until("all to complete", lambda: database.execute(query).fetchone() == (RUNS,))
    assert most_at_once(workers.lines()) == {"a": LIMIT, "b": LIMIT}


def test_what_decides_about_starts_holds_over_those_who_start(workers: Workers, database_url: str):
    """Two starters go through with it, a third is killed in the middle; what it committed counts, and no more."""
    victim = workers.spawn(sys.executable, "-c", START_ALL, "1000000")
    others = [workers.spawn(sys.executable, "-c", START_ALL, str(TIMES)) for _ in range(2)]
    workers.until("the victim to have started some", lambda: by(victim, workers.lines()) > TIMES)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert [other.wait(PATIENCE) for other in others] == [0, 0], workers.log()
    workers.start()
    noted = Counter(line[1] for line in workers.lines() if line[0] == "started")
    with psycopg.connect(database_url, autocommit=True) as database:

        def count(where: str, workflow: str) -> int:
            query = f"SELECT count(*) FROM engine_run WHERE ({where}) AND workflow = '{workflow}-everywhere'"
            return (database.execute(query).fetchone() or (0,))[0]

        def committed(workflow: str, found: int) -> bool:
            """Each start that was answered, and at most the one that was cut off before it could be."""
            return 0 <= found - noted[f"{workflow}-everywhere"] <= 1

        published, replaced = (
            (database.execute(f"SELECT count(*) FROM {of}").fetchone() or (0,))[0]
            for of in ("engine_event", "audit_auditentry WHERE verb = 'run.replaced'")
        )
        assert committed("gathered", published)
        workers.until("all events to be in a batch", lambda: len(items(workers.lines())) == published)
        workers.until("one to be let through", lambda: count("started_at IS NOT NULL", "throttled") == 1)
        assert (count("true", "rated"), noted["rated-everywhere"] >= 4) == (5, True)
        assert committed("throttled", count("true", "throttled"))
        assert (count("true", "debounced"), count("held", "debounced")) == (1, 1)
        assert committed("debounced", replaced + 1)
        assert (count("true", "skipped"), count("status <> 'cancelled'", "replaced")) == (1, 1)
        assert committed("replaced", count("true", "replaced"))
    assert set(items(workers.lines()).values()) == {1}


def by(process: subprocess.Popen[bytes], lines: list[list[str]]) -> int:
    return sum(line[0] == "started" and line[2].startswith(f"{process.pid}:") for line in lines)


def items(lines: list[list[str]]) -> Counter[str]:
    return Counter(line[1] for line in lines if line[0] == "item")
