"""`/live`: who may listen, to what, in which form, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client

from flowapp.http import broadcast, live
from flowapp.http.broadcast import Broadcaster
from flowapp.http.hints import Hint
from flowapp.http.problems import Problem
from tests.factories import Cast

from .conftest import SignIn

pytestmark = pytest.mark.urls("tests.http.site")


@pytest.fixture
def station(monkeypatch: pytest.MonkeyPatch) -> Broadcaster:
    made = Broadcaster()
    monkeypatch.setattr(broadcast, "_broadcaster", made)
    return made


async def opened(cast: Cast, query: str) -> tuple[StreamingHttpResponse, AsyncIterator[bytes]]:
    client = AsyncClient()
    await client.aforce_login(cast.cleo.user)
    response: Any = await client.get(f"/live?{query}")
    return response, response.streaming_content


async def test_a_page_hears_its_workspace(cast: Cast, station: Broadcaster) -> None:
    response, events = await opened(cast, "topics=inbox,run:r1")
    assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")
    assert (response["Cache-Control"], response["X-Accel-Buffering"]) == ("no-cache", "no")
    assert await anext(events) == b"retry: 1000\n\n"
    station.publish(Hint(cast.globex.pk, "inbox", "secret"))
    station.publish(Hint(cast.acme.pk, "inbox", "p1"))
    station.publish(Hint(cast.acme.pk, "run", "r1"))
    assert await anext(events) == b'event: inbox\ndata: {"key": "p1"}\n\n'
    assert await anext(events) == b'event: run:r1\ndata: {"key": "r1"}\n\n'
    station.refresh()
    assert {await anext(events), await anext(events)} == {b"event: inbox\ndata: \n\n", b"event: run:r1\ndata: \n\n"}
    station.close()
    assert [event async for event in events] == []
    assert not station.workspaces()


async def test_silence_is_filled(cast: Cast, station: Broadcaster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_KEEPALIVE_SECONDS", 0.01)
    _, events = await opened(cast, "topics=inbox")
    await anext(events)
    assert await anext(events) == b": still here\n\n"
    station.publish(Hint(cast.acme.pk, "inbox", "p1"))
    said = [await anext(events) for _ in range(2)]
    assert json.loads(next(one for one in said if one.startswith(b"event")).split(b"data: ")[1]) == {"key": "p1"}


async def test_a_client_that_leaves_is_forgotten(cast: Cast, station: Broadcaster) -> None:
    _, events = await opened(cast, "topics=inbox")
    await anext(events)
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    assert station.workspaces()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not station.workspaces()


def test_strangers_do_not_listen(db: None, cast: Cast) -> None:
    assert Client().get("/live?topics=inbox").status_code == 302
    assert Client().get("/live?topics=inbox", headers={"Accept": "application/json"}).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        "",
        "topics=",
        "topics=secrets",
        "topics=run:",
        "topics=run:a/b",
        "topics=inbox&since=soon",
        "topics=" + "run,," * 21,
    ],
)
def test_what_is_no_topic_is_refused(cast: Cast, signed_in: SignIn, query: str) -> None:
    answer = signed_in(cast.cleo).get(f"/live?{query}", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid")


def test_topics() -> None:
    assert live.parse_topics("inbox,run:0192-ab") == ["inbox", "run:0192-ab"]
    with pytest.raises(Problem, match="'nope' is not a topic"):
        live.parse_topics("inbox,nope")
    assert live.parse_since("") is None
    assert live.parse_since("12.5") == 12.5


def test_listening_is_a_get(cast: Cast, signed_in: SignIn) -> None:
    assert signed_in(cast.cleo).post("/live?topics=inbox").status_code == 405
