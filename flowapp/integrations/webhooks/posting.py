"""One request to somebody's endpoint: to a checked address, within a time and a size, without redirects or proxies."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

from django.conf import settings

from . import addresses, loops
from .addresses import BadTarget, Target

CONNECT_SECONDS: Final = 5.0
SECONDS: Final = 15.0  # in all
MOST_BYTES: Final = 64 * 1024  # of the response
EXCERPT: Final = 1000  # characters that are kept


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Without a status nothing did, and `error` says why."""

    status: int | None
    took_ms: int
    error: str = ""
    excerpt: str = ""
    retry_after: float | None = None
    refused: bool = False  # by us: its address is one that nothing may be sent to
    goes_round: bool = False  # a Flowapp refused it as a loop: it would do so again

    @property
    def accepted(self) -> bool:
        """Whether the endpoint took it."""
        return self.status is not None and 200 <= self.status < 300


def post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send it, and say how that went; no trouble of the network is raised."""
    began = time.monotonic()

    def took() -> int:
        return round((time.monotonic() - began) * 1000)

    try:
        allowed = settings.FLOWAPP_WEBHOOK_ALLOW
        target = addresses.parse(url, allowed)
        connection = _Connection(target, addresses.checked(target, allowed))
        with _Deadline(connection, SECONDS):
            response, excerpt = _exchange(connection, target, headers, body)
        return Answer(
            response.status,
            took(),
            _error(response.status),
            excerpt,
            _retry_after(response),
            goes_round=response.status >= 400 and loops.REFUSED in response.headers,
        )
    except BadTarget as bad:
        return Answer(None, took(), f"refused: {bad}", refused=True)
    except TimeoutError:
        return Answer(None, took(), f"no answer within {SECONDS:.0f} s")
    except (OSError, HTTPException) as error:
        if took() >= SECONDS * 1000:
            return Answer(None, took(), f"no whole answer within {SECONDS:.0f} s")
        said = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return Answer(None, took(), f"no answer: {said}"[:EXCERPT])


class _Connection(HTTPConnection):
    """A connection to one of the addresses that were checked; name and certificate are still the host's."""

    def __init__(self, target: Target, to: list[str]) -> None:
        super().__init__(target.host, target.port, timeout=SECONDS)
        self.default_port = 443 if target.secure else 80  # what the Host header need not say
        self._to, self._secure = to, target.secure
        self._opened: socket.socket | None = None  # `sock` is forgotten as soon as the response is to end with it

    def connect(self) -> None:
        raw = self._open()
        raw.settimeout(SECONDS)
        if not self._secure:
            self.sock = self._opened = raw
            return
        try:
            self.sock = self._opened = trusting().wrap_socket(raw, server_hostname=self.host)
        except BaseException:
            raw.close()
            raise

    def cut(self) -> None:
        """End whatever is being sent or read, from another thread."""
        if self._opened is not None:
            with suppress(OSError):  # closed at this very moment
                self._opened.shutdown(socket.SHUT_RDWR)

    def _open(self) -> socket.socket:
        failed: OSError = OSError("the host has no address")
        for address in self._to[:2]:
            try:
                return socket.create_connection((address, self.port), timeout=CONNECT_SECONDS)
            except OSError as error:
                failed = error
        raise failed


class _Deadline:
    """Cuts the connection off when time is up: a timeout alone begins anew with every byte that trickles in."""

    def __init__(self, connection: _Connection, seconds: float) -> None:
        self._connection = connection
        self._timer = threading.Timer(seconds, connection.cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._connection.close()


def trusting() -> ssl.SSLContext:
    """Which certificates are believed: those that this machine believes."""
    return ssl.create_default_context()


def _exchange(
    connection: HTTPConnection, target: Target, headers: Mapping[str, str], body: bytes
) -> tuple[HTTPResponse, str]:
    connection.request("POST", target.path, body, dict(headers))
    response = connection.getresponse()
    text = response.read(MOST_BYTES)[: EXCERPT * 4].decode(errors="replace")[:EXCERPT]
    return response, text.replace("\x00", "\ufffd")


def _retry_after(response: HTTPResponse) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() and len(value) < 7 else None


def _error(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return f"answered {status}" + ("; redirects are not followed" if 300 <= status < 400 else "")
