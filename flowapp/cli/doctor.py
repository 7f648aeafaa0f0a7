"""`flowapp doctor`: what is in force here, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CommandFailed
from .output import add_json_option, print_json, print_table

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from flowapp.environment import Environment

_MARKS = {"ok": "ok  ", "warning": "WARN", "wrong": "FAIL"}


@dataclass(frozen=True)
class Finding:
    """What one look found: `state` is "ok", "warning" or "wrong"."""

    what: str
    state: str
    text: str


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("doctor", help="show what is in force and what is wrong", allow_abbrev=False)
    add_json_option(parser)
    parser.set_defaults(command=examine)


def examine(arguments: Namespace) -> int:
    """Look at everything; exit 1 when something is wrong."""
    from flowapp import environment

    sys.path.insert(0, str(Path.cwd()))
    env = environment.read()
    if (env.home / environment.SECRETS_FILE).exists():
        # What `flowapp dev` made for itself is judged as `flowapp dev` uses it.
        os.environ.setdefault("FLOWAPP_MODE", "dev")
        env = environment.read()
    shown = environment.in_force(env)
    findings = _findings(env)
    if arguments.as_json:
        print_json(
            {
                "environment": {variable.name: value for variable, value in shown},
                "findings": [vars(finding) for finding in findings],
            }
        )
    else:
        print_table((), [(variable.name, value) for variable, value in shown])
        print()
        print_table((), [(_MARKS[finding.state], finding.what, finding.text) for finding in findings])
    return 1 if any(finding.state == "wrong" for finding in findings) else 0


def _findings(env: Environment) -> list[Finding]:
    problems = [Finding("environment", "wrong", problem) for problem in env.problems()]
    found = [_python(), *(problems or [Finding("environment", "ok", f"fit for {env.mode}")])]
    if not env.on_postgresql:
        found.append(_sqlite())
    if problems:
        return found
    os.environ["DJANGO_SETTINGS_MODULE"] = "flowapp.settings"
    found.append(_attempt("code", _code))
    if found[-1].state == "ok":
        found.append(_attempt("database", _database))
    if env.broker_url:
        found.append(_attempt("broker", lambda: _broker(env.broker_url)))
    if env.redis_url:
        found.append(_attempt("redis", lambda: _redis(env.redis_url)))
    return found


def _attempt(what: str, look: Callable[[], Finding]) -> Finding:
    """Look, and take whatever comes up for what is wrong."""
    try:
        return look()
    except CommandFailed as failed:
        return Finding(what, "wrong", str(failed))
    except Exception as error:  # noqa: BLE001 - this is what the doctor is for
        return Finding(what, "wrong", f"{type(error).__name__}: {' '.join(str(error).split())}")


def _python() -> Finding:
    from importlib.metadata import version

    return Finding("flowapp", "ok", f"{version('flowapp')} on Python {platform.python_version()}")


def _sqlite() -> Finding:
    import sqlite3

    if (3, 7, 0) <= sqlite3.sqlite_version_info <= (3, 51, 2):
        text = f"{sqlite3.sqlite_version} can, rarely, corrupt a file that several processes write: keep to one process"
        return Finding("sqlite", "warning", text)
    return Finding("sqlite", "ok", sqlite3.sqlite_version)


def _code() -> Finding:
    import django

    django.setup()
    from flowapp.engine import registry

    names = sorted({definition.name for definition in registry.all()})
    return Finding("code", "ok", f"{len(names)} workflows: {', '.join(names)}" if names else "no workflows found")


def _database() -> Finding:
    from django.db import connection

    from . import project

    project.reach_database()
    if missing := project.migrations_missing():
        return Finding("database", "wrong", f"{missing} migrations are not applied: run django-admin migrate")
    server = ".".join(str(part) for part in connection.get_database_version())
    return Finding("database", "ok", f"{connection.vendor} {server}, migrated")


def _broker(url: str) -> Finding:
    from flowapp.dispatch import celery

    with celery.app.connection_for_write(url, connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=0, timeout=2)
    return Finding("broker", "ok", "answers")


def _redis(url: str) -> Finding:
    from redis import Redis

    with Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
        client.ping()
    return Finding("redis", "ok", "answers")
