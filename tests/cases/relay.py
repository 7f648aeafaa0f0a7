"""Stands between a client and PostgreSQL, and cuts the connection of one transaction at its COMMIT."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import connection

_CHUNK = 65536
_END_ALL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


class Relay:
    """Passes on what it reads. The first connection on which `statement` was sent is cut when it sends COMMIT, or
    at that statement itself when it is `alone`, a transaction of its own.

    With `committed` the server still gets that and answers, and the answer is what gets lost.
    """

    def __init__(self, server: tuple[str, int], statement: bytes, *, committed: bool, alone: bool = False) -> None:
        self.cut = threading.Event()
        self._server, self._statement, self._committed = server, statement, committed
        self._last = statement if alone else b"COMMIT"
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                pair = _Pair(client, socket.create_connection(self._server))
                threading.Thread(target=self._forth, args=(pair,), daemon=True).start()
                threading.Thread(target=pair.back, daemon=True).start()

    def _forth(self, pair: _Pair) -> None:
        seen = False
        with pair:
            while data := pair.client.recv(_CHUNK):
                seen = seen or self._statement in data
                if seen and self._last in data and not self.cut.is_set():
                    self.cut.set()
                    if self._committed:
                        pair.lost.set()
                        pair.server.sendall(data)
                        pair.answered.wait(5)
                    return
                pair.server.sendall(data)


class _Pair:
    """The two ends of a connection; both go when either does."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.lost, self.answered = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        return kind is not None and issubclass(kind, OSError)

    def back(self) -> None:
        """Pass on what the server says, but for an answer that is to get lost."""
        with self:
            while data := self.server.recv(_CHUNK):
                if self.lost.is_set():
                    self.answered.set()
                    return
                self.client.sendall(data)


@contextmanager
def cutting(statement: str, *, committed: bool, alone: bool = False, anew: bool = False) -> Iterator[Relay]:
    """Within this block new connections to the database go through a relay, which cuts one of them.

    With `anew` the connections that there are come to their end, so that everybody needs a new one.
    """
    known = connection.settings_dict  # one for the connections of all threads
    direct = {name: known[name] for name in ("HOST", "PORT")}
    server = (direct["HOST"], int(direct["PORT"]))
    relay = Relay(server, statement.encode(), committed=committed, alone=alone)
    known |= {"HOST": "127.0.0.1", "PORT": str(relay.port)}
    if anew:
        with connection.cursor() as cursor:
            cursor.execute(_END_ALL)
    try:
        yield relay
    finally:
        known |= direct
        relay.close()
