"""A worker's own metrics, on a port of its own: it serves no pages, and what it counts only it knows."""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from django.db import connection

from flowapp.engine import sweep

from . import metrics

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

logger = logging.getLogger("flowapp.telemetry")


def install() -> None:
    """Serve beside every worker's sweeper, where a port is set."""
    if settings.FLOWAPP_METRICS_PORT:
        sweep.companion(serving)


@contextmanager
def serving(port: int | None = None) -> Iterator[int]:
    """Serve /metrics until the block is left; the port. To this machine only, unless there is a token to show."""
    host = "0.0.0.0" if settings.FLOWAPP_METRICS_TOKEN else "127.0.0.1"  # noqa: S104 - who has the token may come
    wanted = settings.FLOWAPP_METRICS_PORT if port is None else port
    try:
        server = make_server(host, wanted, answer, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        logger.warning("metrics are not served: port %s cannot be used: %s", wanted, error)
        yield 0
        return
    threading.Thread(target=server.serve_forever, name="flowapp-metrics", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def allowed(authorization: str) -> bool:
    """Whether a request with this header may read metrics: with the token; without one, all who reach us."""
    token: str = settings.FLOWAPP_METRICS_TOKEN
    return not token or hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode())


def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """The metrics, as a WSGI application."""
    if environ.get("PATH_INFO") != "/metrics":
        return _refuse(start, "404 Not Found", "metrics are at /metrics")
    if not allowed(environ.get("HTTP_AUTHORIZATION", "")):
        return _refuse(start, "401 Unauthorized", "send Authorization: Bearer and FLOWAPP_METRICS_TOKEN")
    try:
        found = metrics.text()
    except Exception:
        logger.exception("metrics could not be read")
        return _refuse(start, "503 Service Unavailable", "the database does not answer")
    finally:
        connection.close()
    start("200 OK", [("Content-Type", metrics.CONTENT_TYPE)])
    return [found]


def _refuse(start: StartResponse, status: str, why: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8"), ("WWW-Authenticate", "Bearer")])
    return [f"{why}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape each few seconds is no news."""
