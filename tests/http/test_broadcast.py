"""The broadcaster: who hears what, from which thread, and what happens when a client does not keep up."""

import asyncio
import threading
import time

import pytest

from flowapp.engine import signals
from flowapp.http import broadcast
from flowapp.http.broadcast import Broadcaster, Subscription
from flowapp.http.hints import Hint, Sink
from flowapp.tenancy.ids import uuid7

ACME, GLOBEX = uuid7(), uuid7()


async def heard(subscription: Subscription) -> list[tuple[str, str]]:
    """Everything that has arrived."""
    found: list[tuple[str, str]] = []
    await asyncio.sleep(0)
    while True:
        try:
            async with asyncio.timeout(0.02):
                hint = await subscription.next()
        except TimeoutError:
            return found
        if hint is None:
            return [*found, ("end", "")]
        found.append(hint)


async def test_a_client_hears_its_topics_in_its_workspace() -> None:
    station = Broadcaster()
    mine = Subscription(ACME, ["inbox", "run:r1"])
    station.add(mine)
    for hint in (
        Hint(ACME, "inbox", "p1"),
        Hint(ACME, "run", "r1"),
        Hint(ACME, "run", "r2"),
        Hint(ACME, "task", "t1"),
        Hint(GLOBEX, "inbox", "p9"),
    ):
        station.publish(hint)
    assert await heard(mine) == [("inbox", "p1"), ("run:r1", "r1")]


async def test_all_things_of_a_topic() -> None:
    station = Broadcaster()
    every = Subscription(ACME, ["run"])
    station.add(every)
    station.publish(Hint(ACME, "run", "r1"))
    station.publish(Hint(ACME, "run", "r2"))
    assert await heard(every) == [("run", "r1"), ("run", "r2")]


async def test_the_same_hint_many_times_is_heard_once() -> None:
    station = Broadcaster()
    mine = Subscription(ACME, ["inbox"])
    station.add(mine)
    for _ in range(1000):
        station.publish(Hint(ACME, "inbox", "p1"))
    assert await heard(mine) == [("inbox", "p1")]


async def test_a_client_that_does_not_keep_up_is_told_to_look_at_everything() -> None:
    station = Broadcaster()
    mine = Subscription(ACME, ["inbox", "run"])
    station.add(mine)
    for number in range(broadcast._PENDING_HINTS + 1):
        station.publish(Hint(ACME, "inbox", f"p{number}"))
    assert await heard(mine) == [("inbox", ""), ("run", ""), ("inbox", f"p{broadcast._PENDING_HINTS}")]


async def test_hints_come_from_any_thread() -> None:
    station = Broadcaster()
    mine = Subscription(ACME, ["run"])
    station.add(mine)
    threads = [threading.Thread(target=station.publish, args=(Hint(ACME, "run", str(n)),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key for _, key in await heard(mine)} == {str(n) for n in range(20)}


async def test_a_removed_client_hears_nothing() -> None:
    station = Broadcaster()
    mine = Subscription(ACME, ["run"])
    station.add(mine)
    station.remove(mine)
    station.publish(Hint(ACME, "run", "r1"))
    assert await heard(mine) == []
    assert not station.workspaces()


async def test_what_happened_since_the_page_was_made_is_heard() -> None:
    station = Broadcaster()
    station.publish(Hint(ACME, "inbox", "p1"))
    late, unasked = Subscription(ACME, ["inbox"]), Subscription(ACME, ["inbox"])
    station.add(late, since=time.time())
    station.add(unasked)
    assert await heard(late) == [("inbox", "p1")]
    assert await heard(unasked) == []


async def test_who_was_away_for_too_long_looks_at_everything() -> None:
    station = Broadcaster()
    away = Subscription(ACME, ["inbox", "run:r1"])
    station.add(away, since=time.time() - 3600)
    assert sorted(await heard(away)) == [("inbox", ""), ("run:r1", "")]
    for number in range(broadcast._REMEMBERED_HINTS + 1):
        station.publish(Hint(GLOBEX, "run", str(number)))
    behind = Subscription(ACME, ["inbox"])
    station.add(behind, since=time.time() - broadcast._CLOCK_MARGIN)
    assert await heard(behind) in ([("inbox", "")], [])


async def test_closing_ends_every_stream_and_those_that_come_late() -> None:
    station = Broadcaster()
    early, late = Subscription(ACME, ["run"]), Subscription(ACME, ["run"])
    station.add(early)
    station.close()
    station.add(late)
    assert await heard(early) == [("end", "")]
    assert await heard(late) == [("end", "")]


async def test_a_client_of_a_closed_loop_harms_nobody() -> None:
    station = Broadcaster()

    def short_life() -> None:
        async def visit() -> None:
            station.add(Subscription(ACME, ["run"]))

        asyncio.run(visit())

    thread = threading.Thread(target=short_life)
    thread.start()
    thread.join()
    station.publish(Hint(ACME, "run", "r1"))


class Postbox:
    """A carrier that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[Hint] = []
        self.started: list[Sink] = []
        self.stopped = 0

    def send(self, hint: Hint) -> None:
        self.sent.append(hint)

    def start(self, sink: Sink) -> None:
        self.started.append(sink)

    def stop(self) -> None:
        self.stopped += 1


async def test_the_carrier_takes_all_and_starts_with_the_first_client() -> None:
    postbox = Postbox()
    station = Broadcaster(postbox)
    station.publish(Hint(ACME, "run", "r1"))
    assert (postbox.sent, postbox.started) == ([Hint(ACME, "run", "r1")], [])
    station.add(Subscription(ACME, ["run"]))
    station.add(Subscription(ACME, ["run"]))
    assert postbox.started == [station]
    station.deliver(Hint(ACME, "run", "r2"))
    assert len(postbox.sent) == 1
    station.close()
    assert postbox.stopped == 1


@pytest.mark.django_db(transaction=True)
def test_the_engines_voice_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    postbox = Postbox()
    monkeypatch.setattr(broadcast, "_broadcaster", Broadcaster(postbox))
    signals.tell(ACME, "inbox", "p1")
    assert postbox.sent == [Hint(ACME, "inbox", "p1")]


async def test_subscribe_iterates_and_cleans_up(monkeypatch: pytest.MonkeyPatch) -> None:
    station = Broadcaster()
    monkeypatch.setattr(broadcast, "_broadcaster", station)
    stream = broadcast.subscribe(ACME, ["run"])
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    station.publish(Hint(ACME, "run", "r1"))
    assert await first == ("run", "r1")
    assert station.workspaces()
    station.close()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert not station.workspaces()
