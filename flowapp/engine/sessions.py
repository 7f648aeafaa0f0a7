"""A worker's sessions on PostgreSQL: they carry its name, and others end them when its lease ran out.

A process that is frozen in the middle of a transaction keeps its locks: whoever wants to take its runs over would wait
for as long as it sleeps.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db import Error, connection, transaction
from django.db.backends.signals import connection_created

from . import clock
from .models import Worker

logger = logging.getLogger("flowapp.engine")
LONGEST = 63  # characters that PostgreSQL keeps of a name
# Seconds without a word in the middle of a transaction. Who has no lease any more and is only slow is left alone.
SILENT = 1.0
_END = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = ANY(%s)
        AND state LIKE 'idle in transaction%%' AND state_change < clock_timestamp() - make_interval(secs => %s)"""
_refused = False


def token() -> str:
    """What tells this process from all others: containers share process ids, and take over the names of hosts."""
    return _token(os.getpid())


@cache
def _token(pid: int) -> str:  # a process that is forked has its own
    return secrets.token_hex(6)


def name(token: str, pid: int, host: str) -> str:
    """What the sessions of a process are called. The host is for people, and may be cut off."""
    return f"flowapp {token} {pid} {host}"[:LONGEST]


def name_ours() -> None:
    """Name every session that this process opens from now on."""
    connection_created.connect(_name, dispatch_uid="flowapp-sessions")
    if connection.connection is not None:
        _name(None, connection)


def end_those_of(lost: Iterable[Worker]) -> None:
    """End the sessions in which workers without a lease stand still in the middle of a transaction.

    Not those of a process that has registered anew, nor of one that stopped in order. A server that does not allow it
    ends such transactions by itself, later (flowapp/settings.py).
    """
    if connection.vendor != "postgresql":
        return
    gone = {worker.token: worker for worker in lost if worker.token}
    if gone:
        living = Worker.objects.filter(token__in=gone, lease_until__gt=clock.now())
        again = set(living.values_list("token", flat=True))
        gone = {token: worker for token, worker in gone.items() if token not in again}
    if gone:
        _end(sorted(name(worker.token, worker.pid, worker.host) for worker in gone.values()))


def _end(names: list[str]) -> None:
    global _refused
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_END, [names, SILENT])
    except Error as error:
        logger.log(
            logging.DEBUG if _refused else logging.WARNING,
            "the sessions of lost workers could not be ended; where one is frozen, its runs wait for it longer: %s",
            error,
        )
        _refused = True


def _name(sender: object, connection: Any, **_: object) -> None:
    if connection.vendor != "postgresql":
        return
    ours, raw = name(token(), os.getpid(), socket.gethostname()), connection.connection
    if raw.info.parameter_status("application_name") != ours:
        raw.execute("SELECT set_config('application_name', %s, false)", [ours])
