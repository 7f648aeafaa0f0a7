"""The cap on bodies: announced or not, over it is 413 and nothing more is read."""

import json
from typing import Any

import pytest
from django.core.exceptions import RequestAborted
from uvicorn.protocols.utils import ClientDisconnected

from flowapp.http.limits import BodyLimit


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Reads the whole body, and says how long it was."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


async def answer(chunks: list[bytes], announced: bytes | None = None) -> tuple[int, bytes, int]:
    """Status, body, and how many chunks were left unread."""
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [] if announced is None else [(b"content-length", announced)]
    await BodyLimit(echo, most=10)({"type": "http", "headers": headers}, receive, send)
    return sent[0]["status"], sent[1]["body"], len(waiting)


async def test_up_to_the_cap_passes() -> None:
    assert await answer([b"12345", b"67890"], b"10") == (200, b"10", 0)
    assert await answer([b""]) == (200, b"0", 0)


async def test_an_announced_body_over_the_cap_is_not_read() -> None:
    status, body, unread = await answer([b"12345678901"], b"11")
    assert (status, json.loads(body)["type"], unread) == (413, "too-large", 1)


async def test_an_unannounced_body_is_cut_off() -> None:
    status, body, unread = await answer([b"123456"] * 5)
    assert (status, json.loads(body)["status"], unread) == (413, 413, 3)


QUIT = RuntimeError("CurrentThreadExecutor already quit or is broken")


@pytest.mark.parametrize(
    ("kind", "error", "quiet"),
    [
        ("http.disconnect", QUIT, True),
        ("http.disconnect", BrokenPipeError(), True),
        ("http.disconnect", ClientDisconnected(), True),
        ("http.disconnect", RequestAborted(), True),
        ("http.disconnect", RuntimeError("a fault in a streamed body"), False),
        ("http.disconnect", FileNotFoundError("another one"), False),
        ("http.disconnect", ValueError("and one more"), False),
        ("http.request", QUIT, False),
    ],
    ids=repr,
)
async def test_only_what_a_client_cuts_off_is_no_error_of_ours(
    kind: str, error: Exception, quiet: bool, caplog: Any
) -> None:
    """A body shorter than announced, and then nothing: the server below may stumble over its end."""

    async def stumbles(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        raise error

    async def receive() -> dict[str, Any]:
        return {"type": kind}

    answered = BodyLimit(stumbles, most=10)({"type": "http", "headers": []}, receive, None)
    if quiet:
        await answered
        assert [one.levelname for one in caplog.records if one.exc_info] == []
    else:
        with pytest.raises(type(error), match=str(error)):
            await answered


async def test_other_protocols_pass() -> None:
    seen = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await BodyLimit(app, most=1)({"type": "websocket"}, None, None)
    assert seen == ["websocket"]
