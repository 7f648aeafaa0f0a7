"""The server that commands talk to: FLOWAPP_BASE_URL and FLOWAPP_API_KEY, else what `flowapp dev` wrote to dev.json.

Built on the standard library: importing an HTTP package would take longer than most commands.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from .dev import card
from .errors import CommandFailed, NoAnswer

_TIMEOUT = 30.0  # seconds
_RELOAD_PATIENCE = 15.0  # seconds
_GONE = "flowapp dev is not running"
_THIS_MACHINE = {"127.0.0.1": "localhost", "::1": "localhost"}


@dataclass(frozen=True)
class Server:
    """Where to send requests, and the key that goes with them. `dev` is set when it came from dev.json."""

    base_url: str
    api_key: str
    dev: card.Card | None = None

    def get(self, *path: str, **query: Any) -> Any:
        """What a path holds, as JSON data."""
        return self._call("GET", path, query)

    def post(self, *path: str, body: Any) -> Any:
        """The answer to a request."""
        return self._call("POST", path, {}, json.dumps(body).encode())

    def _call(self, method: str, path: tuple[str, ...], query: dict[str, Any], data: bytes | None = None) -> Any:
        url = "/".join([self.base_url, "v1", *(quote(part, safe="") for part in path)])
        given = {name: value for name, value in query.items() if value is not None}
        request = Request(f"{url}?{urlencode(given, doseq=True)}" if given else url, data, method=method)  # noqa: S310 - checked below
        request.add_header("Authorization", f"Bearer {self.api_key}")
        request.add_header("Accept", "application/json")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        return self._read(request)

    def _read(self, request: Request) -> Any:
        try:
            with self._open(request) as response:
                return json.load(response)
        except HTTPError as error:
            raise CommandFailed(self._refusal(error)) from None
        except (URLError, HTTPException, OSError) as error:
            raise NoAnswer(self._silence(getattr(error, "reason", error))) from None
        except ValueError:
            raise CommandFailed(f"{self.base_url} is not a Flowapp server: its answer is not JSON") from None

    def _refusal(self, error: HTTPError) -> str:
        reason = _reason(error)
        if error.code != 401:
            return reason
        if self.dev is None or self.api_key != self.dev.api_key:
            return f"{reason} Is FLOWAPP_API_KEY a key of this server?"
        if self.dev.lives():
            return f"{reason} Start `flowapp dev` again: it gives the demo a new one."
        return f"{_GONE}, and another server is at {self.base_url}: start it again, with a --port of its own"

    def _silence(self, cause: object) -> str:
        if self.dev is None:
            return f"{self.base_url} does not answer ({cause}). Is FLOWAPP_BASE_URL right?"
        if not self.dev.lives():
            return f"{_GONE}, it was ended the hard way: start it again, and what was running continues"
        return f"{self.base_url} does not answer ({cause}). The terminal of `flowapp dev` says why."

    def _open(self, request: Request) -> HTTPResponse:
        """Send; while `flowapp dev` restarts after a change of the code, wait for it."""
        opener = self._opener()
        end = time.monotonic() + _RELOAD_PATIENCE
        said = False
        while True:
            try:
                response: HTTPResponse = opener.open(request, timeout=_TIMEOUT)
                return response
            except URLError as error:
                refused = isinstance(error.reason, ConnectionRefusedError)
                if not refused or time.monotonic() > end or self.dev is None or not self.dev.lives():
                    raise
            if not said:
                print("flowapp dev is restarting …", file=sys.stderr)
                said = True
            time.sleep(0.1)

    def _opener(self) -> OpenerDirector:
        host = urlsplit(self.base_url).hostname or ""
        local = _THIS_MACHINE.get(host, host) == "localhost"
        return build_opener(_NoRedirect, ProxyHandler({} if local else None))


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: the API key is for this server only."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        parts = urlsplit(newurl)
        raise CommandFailed(f"the server is at {parts.scheme}://{parts.netloc}: set FLOWAPP_BASE_URL to that")


def server() -> Server:
    """The server in force. Raises CommandFailed saying what to set or start."""
    base_url = os.environ.get("FLOWAPP_BASE_URL", "").rstrip("/")
    api_key = os.environ.get("FLOWAPP_API_KEY", "")
    _check(base_url, api_key)
    if base_url and api_key:
        return Server(base_url, api_key)
    dev = card.read(Path(os.environ.get("FLOWAPP_HOME") or ".flowapp"))
    if dev is None:
        raise CommandFailed(
            "there is no server: start `flowapp dev` in this folder, or set FLOWAPP_BASE_URL and FLOWAPP_API_KEY"
        )
    if base_url and _place(base_url) != _place(dev.base_url):
        raise CommandFailed(f"set FLOWAPP_API_KEY as well: the key in dev.json is not for {base_url}")
    return Server(dev.base_url, api_key or dev.api_key, dev)


def _check(base_url: str, api_key: str) -> None:
    if base_url and not base_url.startswith(("http:", "https:")):
        raise CommandFailed("FLOWAPP_BASE_URL must begin with http:// or https://")
    try:
        host = not base_url or _place(base_url)[0]
    except ValueError:
        host = ""
    if not host:
        raise CommandFailed(f"FLOWAPP_BASE_URL is not an address: {os.environ['FLOWAPP_BASE_URL']!r}")
    if not (api_key.isascii() and api_key.isprintable()):
        raise CommandFailed("FLOWAPP_API_KEY holds a character that is in no key")


def _place(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return _THIS_MACHINE.get(host, host), parts.port


def _reason(error: HTTPError) -> str:
    """A problem document as one line."""
    try:
        problem = json.load(error)
        told = problem.get("detail") or problem["title"]
    except (ValueError, KeyError, AttributeError):
        return f"{error.url} answered {error.code} {error.reason}"
    return " ".join(str(told).split())
