"""Hints between processes: over a real Redis, through its outages, and by polling without one."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from flowapp.http import polling
from flowapp.http.carriers import carrier
from flowapp.http.hints import Hint
from flowapp.http.polling import Change, PollingCarrier, Watch
from flowapp.http.redis_carrier import RedisCarrier
from flowapp.tenancy.ids import uuid7
from tests import servers

ACME = uuid7()
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Ears:
    """What one process hears."""

    def __init__(self) -> None:
        self.hints: list[Hint] = []
        self.refreshed = 0
        self.something = threading.Event()

    def deliver(self, hint: Hint) -> None:
        self.hints.append(hint)
        self.something.set()

    def refresh(self) -> None:
        self.refreshed += 1
        self.something.set()

    def workspaces(self) -> set[UUID]:
        return {ACME}

    def hears(self, wanted: Callable[[], bool], say: Callable[[], object] = lambda: None) -> bool:
        """Wait until it has heard what is wanted, asking for it again and again: a subscription takes a moment."""
        end = time.monotonic() + 10
        while not wanted() and time.monotonic() < end:
            say()
            self.something.wait(0.05)
            self.something.clear()
        return wanted()


def test_hints_reach_other_processes_and_not_their_own(redis_url: str) -> None:
    here, there = RedisCarrier(redis_url), RedisCarrier(redis_url)
    mine, theirs = Ears(), Ears()
    here.start(mine)
    there.start(theirs)
    hint = Hint(ACME, "run", "r1")
    try:
        assert theirs.hears(lambda: hint in theirs.hints, lambda: here.send(hint))
        answer = Hint(ACME, "inbox", "p1")
        assert mine.hears(lambda: answer in mine.hints, lambda: there.send(answer))
        assert set(mine.hints) == {answer}
    finally:
        here.stop()
        there.stop()


def test_an_outage_of_redis_ends_with_a_look_at_everything() -> None:
    with servers.redis() as server:
        if server.server is None:
            pytest.skip("this Redis belongs to somebody else")
        here, ears = RedisCarrier(server.url), Ears()
        here.start(ears)
        there = RedisCarrier(server.url)
        try:
            assert ears.hears(lambda: bool(ears.hints), lambda: there.send(Hint(ACME, "run", "before")))
            server.server.kill()
            began = time.monotonic()
            there.send(Hint(ACME, "run", "lost"))
            assert time.monotonic() - began < 0.1
            server.server.start()
            assert ears.hears(lambda: ears.refreshed > 0)
            after = Hint(ACME, "run", "after")
            assert ears.hears(lambda: after in ears.hints, lambda: there.send(after))
        finally:
            here.stop()
            there.stop()


def test_an_exiting_process_gets_its_last_hint_out(redis_url: str) -> None:
    there, ears = RedisCarrier(redis_url), Ears()
    there.start(ears)
    try:
        assert ears.hears(lambda: bool(ears.hints), lambda: RedisCarrier(redis_url).send(Hint(ACME, "run", "up")))
        here = RedisCarrier(redis_url)
        here.send(Hint(ACME, "run", "last"))
        here._flush()
        assert ears.hears(lambda: Hint(ACME, "run", "last") in ears.hints)
    finally:
        there.stop()


@pytest.fixture
def changes() -> Iterator[list[Change]]:
    """What the database says has changed."""
    made: list[Change] = []

    def poll(since: datetime) -> list[Change]:
        return [change for change in made if change.at >= since]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(polling, "_polls", [poll])
        yield made


def test_polling_tells_each_change_once(changes: list[Change]) -> None:
    watch = Watch(NOON)
    changes.append(Change("run", "r1", NOON))
    assert watch.look([ACME], NOON + timedelta(seconds=1)) == [Hint(ACME, "run", "r1")]
    assert watch.look([ACME], NOON + timedelta(seconds=2)) == []
    changes.append(Change("run", "r1", NOON + timedelta(seconds=2)))
    assert watch.look([ACME], NOON + timedelta(seconds=3)) == [Hint(ACME, "run", "r1")]


def test_polling_sees_what_was_committed_late(changes: list[Change]) -> None:
    watch = Watch(NOON)
    assert watch.look([ACME], NOON + timedelta(seconds=3)) == []
    changes.append(Change("run", "slow", NOON + timedelta(seconds=1)))
    assert watch.look([ACME], NOON + timedelta(seconds=4)) == [Hint(ACME, "run", "slow")]


@pytest.mark.django_db(transaction=True)
def test_polling_survives_a_database_that_is_down(changes: list[Change], caplog: pytest.LogCaptureFixture) -> None:
    def broken(since: datetime) -> list[Change]:
        raise OSError("no route to the database")

    ears, watch = Ears(), Watch(NOON)
    polling.register(broken)
    try:
        polling.look(watch, ears)
    finally:
        polling._polls.remove(broken)
    assert "trying again" in caplog.text
    changes.append(Change("run", "r1", NOON))
    polling.look(watch, ears)
    assert ears.hints == [Hint(ACME, "run", "r1")]


@pytest.mark.django_db(transaction=True)
def test_the_polling_carrier_polls(changes: list[Change]) -> None:
    ears, here = Ears(), PollingCarrier()
    changes.append(Change("run", "r1", datetime.now(UTC)))
    here.start(ears)
    try:
        assert ears.hears(lambda: ears.hints == [Hint(ACME, "run", "r1")])
    finally:
        here.stop()


def test_the_carrier_fits_the_installation(settings: object) -> None:
    on_postgresql = connection.vendor == "postgresql"
    assert isinstance(carrier(), PollingCarrier if on_postgresql else type(None))
    settings.FLOWAPP_REDIS_URL = "redis://localhost:1/0"  # type: ignore[attr-defined]
    assert isinstance(carrier(), RedisCarrier)
