"""Whether a connection of the database's pool still works, asked as cheaply as can be."""

from __future__ import annotations

import select
import time
from typing import Any, Final

from psycopg import Connection

ASK_EVERY: Final = 5.0  # seconds; a network that fails silently shows only in a round trip


def check(connection: Connection[Any]) -> None:
    """Raise OperationalError when the connection is dead.

    A server that went away has hung up, which can be read at this end without asking it. Only once in a while, or when
    something can be read, is it asked.
    """
    now, kept = time.monotonic(), vars(connection)
    if now - kept.get("_flowapp_asked", -ASK_EVERY) < ASK_EVERY and not _has_something_to_read(connection):
        return
    connection.execute("")
    if not connection.autocommit:
        connection.rollback()
    kept["_flowapp_asked"] = now


def _has_something_to_read(connection: Connection[Any]) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
