"""What the figures were taken on: processors, load of others, versions, and the database's settings."""

import os
import platform
import time
from importlib import metadata
from pathlib import Path

import psycopg

_SETTINGS = (
    "server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers",
    "max_connections",
)  # fmt: skip
_PACKAGES = ("psycopg", "django", "celery", "dbos", "absurd-sdk")


def described(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        settings = {name: connection.execute(f"SHOW {name}").fetchone() for name in _SETTINGS}
    shown = ", ".join(f"{name} {value[0]}" for name, value in settings.items() if value)
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    lines = [
        f"machine: {os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}",
        f"PostgreSQL, the same for all sides: {shown}",
        f"packages: {packages}",
    ]
    if settings["fsync"] != ("on",):
        lines.append("WARNING: fsync is off, so these figures say nothing about durable work")
    return "\n".join(lines)


def noise() -> str:
    """How busy others keep the processors while our sides are idle: figures of a busy machine are worth less."""
    load = "load average {:.2f} {:.2f} {:.2f}".format(*os.getloadavg())
    before = _ticks()
    time.sleep(1)
    after = _ticks()
    if before is None or after is None or after[0] == before[0]:
        return load
    busy = 1 - (after[1] - before[1]) / (after[0] - before[0])
    return f"{load}; others use {busy:.0%} of the processors"


def processor_seconds(server: int) -> float | None:
    """Processor time that a server's processes have used so far, in seconds, where the system tells (Linux).

    `server` is the process id of the one whose children the others are.
    """
    try:
        seen = [_stat(process) for process in Path("/proc").glob("[0-9]*")]
    except OSError:
        return None
    return sum(ticks for pid, parent, ticks in seen if server in (pid, parent)) / os.sysconf("SC_CLK_TCK")


def _stat(process: Path) -> tuple[int, int, int]:
    """Process id, its parent's, and the ticks it has used, those of its ended children included."""
    try:
        pid, _, rest = (process / "stat").read_text().partition(" ")
    except (ProcessLookupError, FileNotFoundError):
        return 0, 0, 0  # it ended meanwhile
    fields = rest.rpartition(")")[2].split()
    return int(pid), int(fields[1]), sum(map(int, fields[11:15]))


def _ticks() -> tuple[int, int] | None:
    """Ticks of all processors and how many of them were idle, where the system tells (Linux)."""
    try:
        numbers = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return None
    return sum(numbers), numbers[3] + numbers[4]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
