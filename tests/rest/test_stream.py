"""/v1/runs/{id}/stream: a run as it happens, and what a client that comes back is told."""

import asyncio
import json
import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import AsyncClient

from flowapp.engine.upkeep import logbook
from flowapp.rest import stream
from flowapp.rest.stream import Follower, Place
from flowapp.tenancy import actions
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import ApiKey
from flowapp.tenancy.scope import scoped

from . import flows
from .test_prompts import ask
from .test_runs import start
from .test_workflows import EXPENSE


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Look again at once rather than after seconds: these tests change runs between two looks."""
    monkeypatch.setattr(stream, "_KEEPALIVE", 0.05)
    monkeypatch.setattr(stream, "_LOOK_AGAIN", 0.05)
    monkeypatch.setattr(stream, "_LINGER", timedelta(0))


class Reader:
    """A client of one stream: what it was told, event by event."""

    def __init__(self, key, run, last=""):
        self._headers = key.headers | ({"Last-Event-ID": last} if last else {})
        self._path = f"/v1/runs/{run}/stream"
        self.last = last

    async def open(self):
        answer: Any = await AsyncClient().get(self._path, headers=self._headers)
        self._parts = aiter(answer.streaming_content) if answer.streaming else None
        self.answer = answer
        return self

    async def events(self):
        """The next events that come together: [(name, data)]; nothing at the end."""
        async for part in self._parts:
            told = [self._read(text) for text in part.decode().split("\n\n") if text.startswith("event:")]
            if told:
                return told
        return []

    async def rest(self):
        """Everything until the end."""
        told = []
        while some := await self.events():
            told += some
        return told

    async def close(self):
        await self._parts.aclose()

    def _read(self, text):
        fields = dict(line.split(": ", 1) for line in text.splitlines())
        self.last = fields["id"]
        return fields["event"], json.loads(fields["data"])


async def do(function, *args):
    """Call something from an async test, in a thread where runs can be executed at once."""

    def call():
        try:
            return function(*args)
        finally:
            connection.close()

    return await asyncio.to_thread(call)


async def test_a_run_that_ended_is_told_whole_and_once(key):
    run = await do(start, key, "rest-plain", EXPENSE)
    reader = await Reader(key, run).open()
    assert reader.answer["Content-Type"] == "text/event-stream"
    ((name, told),) = await reader.rest()
    assert (name, told) == ("run", (await do(key.get, f"/runs/{run}")).json())
    again = await Reader(key, run, reader.last).open()
    assert again.answer.status_code == 204


async def test_a_run_is_told_as_it_happens(key, bo):
    run, prompt = await do(ask, key)
    reader = await Reader(key, run).open()
    ((name, first),) = await reader.events()
    assert (name, first["status"], first["waiting_on"][0]["prompt_id"]) == ("run", "waiting", prompt["id"])
    await do(bo.post, f"/prompts/{prompt['id']}/complete", {"outcome": "approve"})
    told = await reader.rest()
    assert [(name, one.get("name"), one["status"]) for name, one in told] == [
        ("step", "manager-approval", "completed"),
        ("state", None, "completed"),
    ]
    assert "steps" not in told[-1][1]
    assert told[-1][1]["output"] == "approve by bo@example.com: "


async def test_who_comes_back_gets_what_was_missed(key):
    run = await do(start, key, "rest-listens")
    reader = await Reader(key, run).open()
    await reader.events()
    await reader.close()
    await do(key.post, f"/runs/{run}/signal", {"name": "word", "data": "one"})
    await do(key.post, f"/runs/{run}/signal", {"name": "word", "data": "two"})
    told = await (await Reader(key, run, reader.last).open()).rest()
    assert [(name, one.get("output")) for name, one in told] == [
        ("step", "one"),
        ("step", "two"),
        ("state", ["one", "two"]),
    ]


async def test_who_comes_back_in_the_middle_gets_the_rest_only(key):
    run = await do(start, key, "rest-counts", 3)
    steps = (await do(key.get, f"/runs/{run}/steps")).json()["items"]
    at = steps[1]["ended_at"].translate(str.maketrans("", "", "-:T.Z"))
    told = await (await Reader(key, run, f"2.{at}.running").open()).rest()
    assert [(name, one.get("occurrence")) for name, one in told] == [("step", 3), ("state", None)]


async def test_a_history_that_was_rewritten_is_told_anew(key):
    flows.FAILURES.append("book")
    run = await do(start, key, "rest-plain", EXPENSE)
    reader = await Reader(key, run).open()
    ((_, failed),) = await reader.rest()
    await do(key.post, f"/runs/{run}/retry")
    told = await (await Reader(key, run, reader.last).open()).rest()
    assert (failed["status"], [(name, one["status"]) for name, one in told]) == ("failed", [("run", "completed")])


async def test_a_long_run_is_told_in_full(key):
    run = await do(start, key, "rest-counts", 350)
    (first, *told) = await (await Reader(key, run).open()).rest()
    assert (first[0], len(first[1]["steps"])) == ("run", 100)
    assert [one["occurrence"] for _, one in told] == list(range(101, 351))


async def test_the_log_is_told_too_and_each_line_once(key):
    run = await do(start, key, "rest-logs")
    await do(logbook.flush)
    reader = await Reader(key, run).open()
    (first, *told) = await reader.events()
    lines = (await do(key.get, f"/runs/{run}/log")).json()["items"]
    assert (first[0], told) == ("run", [("log", line) for line in lines])
    assert [(line["step"], line["message"]) for line in lines] == [("", "began"), ("look", "looking")]
    await reader.close()
    await do(key.post, f"/runs/{run}/signal", {"name": "go"})
    await do(logbook.flush)
    again = await Reader(key, run, reader.last).open()
    told = await again.rest()
    assert [(name, one.get("message")) for name, one in told] == [("log", "over"), ("step", None), ("state", None)]
    assert (await Reader(key, run, again.last).open()).answer.status_code == 204


async def test_lines_written_just_after_the_end_are_told(key, monkeypatch):
    monkeypatch.setattr(stream, "_LINGER", timedelta(seconds=30))
    run = await do(start, key, "rest-logs")
    await do(key.post, f"/runs/{run}/signal", {"name": "go"})
    reader = await Reader(key, run).open()
    assert [name for name, _ in await reader.events()] == ["run"]
    await do(logbook.flush)
    assert [one["message"] for _, one in await reader.events()] == ["began", "looking", "over"]
    monkeypatch.setattr(stream, "_LINGER", timedelta(0))
    assert await reader.rest() == []


async def test_a_long_log_is_told_in_full(key, monkeypatch):
    monkeypatch.setattr(stream, "_BATCH", 2)
    run = await do(start, key, "rest-logs")
    await do(key.post, f"/runs/{run}/signal", {"name": "go"})
    await do(logbook.flush)
    told = await (await Reader(key, run).open()).rest()
    assert [one["message"] for name, one in told if name == "log"] == ["began", "looking", "over"]


@pytest.mark.parametrize(
    "last",
    [
        "",
        "x",
        "0..running.x",
        "1.20260101000000000000.running.99999999999999999999",
        "1",
        "7.20260101000000000000.running",
        "9999999999999.1.1",
        "²..",
        "0..completed",
    ],
)
async def test_strange_places_begin_at_the_beginning(key, last):
    run = await do(start, key, "rest-plain", EXPENSE)
    answer = (await Reader(key, run, last).open()).answer
    assert answer.status_code in (200, 204)


def test_a_place_survives_its_text():
    place = Place(12, "20261121120000000001", "needs_attention")
    assert Place.parse(str(place)) == place
    assert Place.parse(str(replace(place, line=7))) == replace(place, line=7)


async def test_a_revoked_key_is_told_nothing_more(key, cast):
    run = await do(start, key, "rest-listens")
    reader = await Reader(key, run).open()
    await reader.events()

    def revoke():
        with scoped(cast.acme.pk):
            for one in ApiKey.objects.all():
                actions.revoke_api_key(key=one, by=SYSTEM)

    await do(revoke)
    assert await reader.rest() == []


def test_a_server_that_stops_ends_it(key, cast):
    """In the main thread, where servers set their signal handlers; before that of the server, which would wait."""
    run = start(key, "rest-listens")
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    server = signal.getsignal(signal.SIGTERM)

    async def begin():
        nobody: Any = None
        events: Any = stream.events(Follower(nobody, UUID(run), Place()), [], 0.0)
        await anext(events)
        await events.aclose()
        return signal.getsignal(signal.SIGTERM)

    try:
        with scoped(cast.acme.pk):
            assert asyncio.run(begin()) is not server
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_who_may_not_see_it_gets_a_problem(key, cast, calling):
    run = await do(start, key, "rest-plain", EXPENSE)
    stranger = await do(calling, cast.globex)
    answer = (await Reader(stranger, run).open()).answer
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
