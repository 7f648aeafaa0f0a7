"""`flowapp worker`: executes runs. A Celery worker where there is a broker, else an embedded one on PostgreSQL."""

from __future__ import annotations

import os
import signal
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .errors import CommandFailed
from .output import note

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_LOOK_EVERY = 0.5  # seconds


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("worker", help="execute runs", allow_abbrev=False)
    parser.add_argument("--queues", metavar="A,B", help="the queues to take runs from (default)")
    parser.add_argument("--concurrency", metavar="N", type=_at_least_one, help="how many runs at once (100)")
    parser.set_defaults(command=work)


def work(arguments: Namespace) -> int:
    """Work until stopped."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    _prepare(arguments)
    from django.conf import settings
    from django.db import connection

    if connection.vendor != "postgresql":
        raise CommandFailed(
            "a worker beside the server needs PostgreSQL: set FLOWAPP_DATABASE_URL=postgresql://… "
            "(on SQLite, `flowapp dev` executes the runs itself)"
        )
    _await_tables()
    if settings.FLOWAPP_BROKER_URL:
        _celery(settings.FLOWAPP_QUEUES, settings.FLOWAPP_CONCURRENCY)
    _embedded(settings.FLOWAPP_QUEUES, settings.FLOWAPP_CONCURRENCY)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def _prepare(arguments: Namespace) -> None:
    from flowapp import environment

    from . import project

    if arguments.queues:
        os.environ["FLOWAPP_QUEUES"] = arguments.queues
    if arguments.concurrency:
        os.environ["FLOWAPP_CONCURRENCY"] = str(arguments.concurrency)
    sys.path.insert(0, str(Path.cwd()))
    known = environment.read()
    if (known.home / environment.SECRETS_FILE).exists() and environment.DEMO_WORKFLOWS not in known.workflows:
        # A home of `flowapp dev`: its demo's runs come to this worker too.
        os.environ["FLOWAPP_WORKFLOWS"] = ",".join([*known.workflows, environment.DEMO_WORKFLOWS])
    project.set_up()


def _await_tables() -> None:
    """Wait until the database answers and was migrated: in a deployment that may happen at this very moment."""
    told = ""
    while missing := _what_is_missing():
        if missing != told:
            note(f"waiting: {missing}")
            told = missing
        time.sleep(_LOOK_EVERY)


def _what_is_missing() -> str:
    from . import project

    try:
        project.reach_database()
    except CommandFailed as failed:
        return str(failed)
    if project.migrations_missing():
        return "the database is not migrated yet (`flowapp dev` or `django-admin migrate` does that)"
    return ""


def _celery(queues: list[str], concurrency: int) -> NoReturn:
    """Become Celery's worker, as `celery -A flowapp worker` is one, without setting everything up a second time."""
    from flowapp.celery import app

    note(_ready("Celery", queues, concurrency))
    options = {"pool": "threads", "concurrency": str(concurrency), "queues": ",".join(queues), "loglevel": "WARNING"}
    flags = [f"--{name}={value}" for name, value in options.items()]
    sys.exit(app.worker_main(["--quiet", "worker", *flags, "--without-gossip", "--without-mingle"]))


def _embedded(queues: list[str], concurrency: int) -> NoReturn:
    """Execute runs in this process until a signal comes."""
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    dispatcher = EmbeddedDispatcher(concurrency=concurrency, queues=queues)
    dispatcher.start()
    note(_ready("embedded", queues, concurrency))
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        dispatcher.stop()
    sys.stdout.flush()
    sys.stderr.flush()
    # At a normal exit Python would wait for a step that is still running in its thread.
    os._exit(0)


def _ready(kind: str, queues: list[str], concurrency: int) -> str:
    return f"flowapp worker ({kind}): queues {', '.join(queues)}; {concurrency} runs at once; Ctrl+C stops it"
