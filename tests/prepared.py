"""Databases that are migrated already: each kind made once for a test run, then copied for whoever needs one.

Going through every migration costs eight seconds of computing. That they lead from nothing to the tables is shown by
making these, and by the tests of `flowapp dev`, which begin with nothing.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests import servers

FOLDER = "FLOWAPP_TEST_PREPARED"  # names the folder of this test run, which its workers share
_ROOT = Path(__file__).parents[1]


def sqlite() -> Path:
    """A file to copy."""
    return _once("sqlite3", lambda path: _migrate(f"sqlite:///{path}", path.parent))


def postgres(server: servers.Postgres) -> str:
    """The name of a database to copy; nobody connects to it."""

    def make(path: Path) -> None:
        url = server.new_database()
        _migrate(url, path.parent)
        path.write_text(url)

    return urlsplit(_once("postgresql", make).read_text()).path.lstrip("/")


@contextlib.contextmanager
def folder() -> Iterator[None]:
    """Where they lie, for this process and its xdist workers; at the end nothing is left, nor in another's server."""
    with tempfile.TemporaryDirectory(prefix="flowapp-prepared-") as name:
        os.environ[FOLDER] = name
        yield
        made, server = Path(name, "postgresql"), os.environ.get("FLOWAPP_TEST_DATABASE_URL")
        if server and made.exists():
            servers.Postgres(server).drop_database(made.read_text())


@contextlib.contextmanager
def begun(backend: str) -> Iterator[None]:
    """Make one in the background, so that nobody has to wait for all of it."""
    with subprocess.Popen([sys.executable, "-m", "tests.prepared", backend], cwd=_ROOT):
        yield


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """The file that `make` makes, for whoever asks first; the others wait."""
    path = Path(os.environ[FOLDER], name)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = path.with_suffix(".new")
            make(unfinished)
            unfinished.rename(path)
    return path


def _migrate(url: str, home: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWAPP_", "DJANGO_"))}
    made = {"FLOWAPP_MODE": "test", "FLOWAPP_HOME": str(home), "FLOWAPP_DATABASE_URL": url}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
    subprocess.run(command, cwd=_ROOT, env=plain | made, check=True)


if __name__ == "__main__":
    if sys.argv[1] == "sqlite":
        sqlite()
    else:
        postgres(servers.Postgres(os.environ["FLOWAPP_TEST_DATABASE_URL"]))
