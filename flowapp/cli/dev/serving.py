"""The dev server's web part: uvicorn on one socket, telling when it really answers, stopping without delay."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

import uvicorn

from flowapp.cli.errors import CommandFailed

HOST = "127.0.0.1"
_STOP_SECONDS = 3


def bind(port: int) -> socket.socket:
    """The server's socket. Bound at once, so that a port in use is told before anything else is done."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        cause = getattr(error, "strerror", None) or error
        raise CommandFailed(
            f"port {port} cannot be used ({cause}): stop what uses it, or choose one with --port"
        ) from None
    return listener


class WebServer(uvicorn.Server):
    """Serves an ASGI application until `should_exit`; calls `ready`, from a thread, once requests are answered."""

    def __init__(self, application: Any, listener: socket.socket, *, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="off",
                log_config=None,
                access_log=False,
                ws="websockets-sansio",
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        self._listener = listener
        self._ready = ready
        self._probe = threading.Thread(target=self._tell_when_ready, name="flowapp-probe", daemon=True)

    def serve_until_stopped(self) -> None:
        """Serve; a SIGINT or SIGTERM ends it, and then goes on to whoever handled it before."""
        try:
            self.run(sockets=[self._listener])
        finally:
            self.should_exit = True
            self._probe.join(timeout=_STOP_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._probe.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from flowapp.http.broadcast import broadcaster

        broadcaster().close()  # or every open event stream would hold up the stop
        await super().shutdown(sockets)

    def _tell_when_ready(self) -> None:
        port = self._listener.getsockname()[1]
        while not self.should_exit:
            if _answers(port):
                self._ready()
                return
            time.sleep(0.05)


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
