"""Requests that no honest client sends: each has a clean answer, and at most one quiet line in the log."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from flowapp.asgi import application

HOST = (b"host", b"testserver")
FORM = (b"content-type", b"multipart/form-data; boundary=x")
PART = b'--x\r\nContent-Disposition: form-data; name="login"'
LOGIN = "/accounts/login/"
JSON = (b"content-type", b"application/json")

type Header = tuple[bytes, bytes]


async def send(path: str, *headers: Header, method: str = "GET", body: bytes = b"", query: bytes = b"") -> Any:
    """What the whole application answers to a request as it came over the line: status, type and body."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(errors="surrogatepass"),
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 40000),
        "server": ("testserver", 80),
    }
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()  # the client stays
        return waiting.pop(0)

    async def answer(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, answer)
    kind = dict(sent[0]["headers"]).get(b"Content-Type", b"").decode()
    return sent[0]["status"], kind.partition(";")[0], b"".join(one.get("body", b"") for one in sent[1:]).decode()


@pytest.fixture(autouse=True)
def connection_kept(db: None) -> Iterator[None]:
    """The test's own connection outlives the request, as with Django's client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Lines that would wake somebody up: errors, and tracebacks."""
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR or one.exc_info]


@pytest.mark.parametrize(
    ("path", "host"),
    [
        (LOGIN, b"evil.example"),
        ("/v1/runs", b"evil.example"),
        ("/hooks/shop", b"evil.example:8000"),
        ("/", b"a b"),
        ("/healthz", b""),
        ("/accounts/password/reset/", b"testserver:99999:1"),
        (LOGIN, b"[::1"),
        (LOGIN, b"\xff\xfe"),
        ("/v1/runs", b"x" * 9000),
        (LOGIN, b"evil\x1b[2J"),
    ],
)
async def test_a_host_that_is_not_ours(caplog: pytest.LogCaptureFixture, host: bytes, path: str) -> None:
    status, kind, body = await send(path, (b"host", host))
    assert status == 400
    assert kind == ("application/problem+json" if path.startswith(("/v1", "/hooks")) else "text/html")
    assert "cannot be read" in body
    assert "evil" not in body
    assert loud(caplog) == []
    lines = [one.getMessage() for one in caplog.records if "HTTP_HOST" in one.getMessage()]
    assert len(lines) == 1
    assert len(lines[0]) < 400
    assert lines[0].isprintable()


@pytest.mark.parametrize(
    ("path", "headers", "request_", "fine"),
    [
        ("/runs/\ufffd\ufffd/", [], {}, {302, 401, 404}),
        ("/runs/\x00/", [], {}, {302, 401, 404}),
        ("/\udcff", [], {}, {302, 400, 404}),
        ("//evil.example/..//", [], {}, {301, 302, 404}),
        ("/v1/runs/\udcff", [], {}, {400, 401, 404}),
        ("/static/\x00.css", [], {}, {404}),
        ("/static/../../etc/passwd", [], {}, {404}),
        ("/runs/", [], {"query": b"\xff\xfe=%ff&=&&%00"}, {302, 400, 401}),
        (LOGIN, [], {"query": b"next=%00%ff//evil.example"}, {200}),
        (LOGIN, [(b"cookie", b'flowapp_session="\\000abcdefghij"')], {}, {200}),
        ("/v1/runs", [(b"cookie", b'flowapp_session="\\000abcdefghij"')], {}, {401}),
        (LOGIN, [(b"cookie", b"flowapp_session=\xff\xfe\xfd; csrftoken=\xff; messages=\xff; theme=\xff")], {}, {200}),
        (LOGIN, [(b"cookie", b'messages="\\000"; ;;==; a=b=c; $Version=1')], {}, {200}),
        ("/v1/runs", [(b"authorization", b"Bearer \xff\x00")], {}, {401}),
        ("/v1/runs", [(b"accept", b"\xff/;q=,,*"), (b"x-request-id", b"\xff\n")], {}, {401}),
        (LOGIN, [FORM], {"method": "POST", "body": PART}, {400, 403}),
        (
            LOGIN,
            [FORM, (b"content-length", b"7")],
            {"method": "POST", "body": PART + b"\r\n\r\n\xff\r\n--x--"},
            {400, 403},
        ),
        (LOGIN, [FORM, (b"content-length", b"-1")], {"method": "POST", "body": PART}, {400, 403}),
        (LOGIN, [FORM, (b"content-length", b"abc")], {"method": "POST", "body": PART}, {400, 403}),
        (LOGIN, [FORM, (b"content-length", b"9" * 5000)], {"method": "POST", "body": b""}, {400, 413}),
        (LOGIN, [FORM, (b"content-length", b"9" * 9)], {"method": "POST", "body": b""}, {413}),
        (LOGIN, [(b"content-type", b"multipart/form-data")], {"method": "POST", "body": PART}, {400, 403}),
        (
            LOGIN,
            [(b"content-type", b"multipart/form-data; boundary=\xff")],
            {"method": "POST", "body": PART},
            {400, 403},
        ),
        (
            LOGIN,
            [(b"content-type", b"application/x-www-form-urlencoded; charset=nonsense")],
            {"method": "POST", "body": b"a=%ff"},
            {400, 403},
        ),
        (
            LOGIN,
            [(b"content-type", b"application/x-www-form-urlencoded")],
            {"method": "POST", "body": b"a=1&" * 2000},
            {400, 403},
        ),
        ("/v1/events", [JSON, (b"content-length", b"1")], {"method": "POST", "body": b'{"name": "x"}'}, {401}),
        ("/hooks/shop", [FORM], {"method": "POST", "body": PART}, {404}),
        (LOGIN, [], {"method": "NONSENSE"}, {405, 403}),
        (LOGIN, [(b"x-forwarded-for", b"\xff,,; drop"), (b"x-forwarded-proto", b"\xff")], {}, {200}),
    ],
)
async def test_no_request_line_is_an_error_of_ours(
    caplog: pytest.LogCaptureFixture, path: str, headers: list[Header], request_: dict[str, Any], fine: set[int]
) -> None:
    status, _, _ = await send(path, HOST, *headers, **request_)
    assert (status in fine, loud(caplog)) == (True, []), status
