"""A worker's sessions on PostgreSQL: they carry its name, and others end them when its lease ran out.

A process that is frozen in the middle of a transaction keeps its locks: whoever wants to take its runs over would wait
for as long as it sleeps.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from . import clock
from .models import Worker

LONGEST = 63  # characters that PostgreSQL keeps of a name
# Seconds without a word in the middle of a transaction. Who has no lease any more and is only slow is left alone.
SILENT = 1.0
_END = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = ANY(%s)
        AND state LIKE 'idle in transaction%%' AND state_change < clock_timestamp() - make_interval(secs => %s)"""


def name(host: str, pid: int) -> str:
    """What the sessions of this process are called."""
    return f"flowapp {pid} {host}"[:LONGEST]


def name_ours() -> None:
    """Name every session that this process opens from now on."""
    connection_created.connect(_name, dispatch_uid="flowapp-sessions")
    if connection.connection is not None:
        _name(None, connection)


def end_those_of(lost: Iterable[Worker]) -> None:
    """End the open transactions of workers without a lease, unless their process has registered anew."""
    if connection.vendor != "postgresql":
        return
    names = {name(worker.host, worker.pid) for worker in lost}
    names -= {name(*one) for one in Worker.objects.filter(lease_until__gt=clock.now()).values_list("host", "pid")}
    if names:
        with connection.cursor() as cursor:
            cursor.execute(_END, [sorted(names), SILENT])


def _name(sender: object, connection: Any, **_: object) -> None:
    if connection.vendor != "postgresql":
        return
    ours, raw = name(socket.gethostname(), os.getpid()), connection.connection
    if raw.info.parameter_status("application_name") != ours:
        raw.execute("SELECT set_config('application_name', %s, false)", [ours])
