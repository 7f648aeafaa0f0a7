"""A queue whose broker is away: the log, the database and so the admins hear of it, and of its return."""

import socket
import time
from datetime import timedelta

import pytest

from flowapp.engine import clock
from flowapp.integrations import readings
from flowapp.integrations.queue_tables import QueueState
from flowapp.integrations.queues import states
from flowapp.integrations.queues.consuming import Consumer
from flowapp.integrations.queues.sources import parse
from flowapp.tenancy.scope import scoped


@pytest.fixture
def closed_port():
    with socket.socket() as taken:  # bound and not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def until(true):
    late = time.monotonic() + 20
    while not (found := true()):
        assert time.monotonic() < late
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("kind", ["redis-stream", "amqp"])
def test_a_broker_that_is_away_is_told(acme, closed_port, caplog, kind):
    options = {"redis-stream": "stream=orders", "amqp": "queue=orders"}[kind]
    source = parse(f"{kind}://me:canary@127.0.0.1:{closed_port}/0?{options}&workspace=acme")
    with scoped(None):
        consumer = Consumer(source)
        consumer.start()
        (row,) = until(lambda: readings.troubles(acme.pk).queues)
        consumer.stop()
    assert (row.source, row.place) == (f"{kind}:orders", f"127.0.0.1:{closed_port}/0")
    assert "refused" in row.error.lower()
    assert "canary" not in row.error + caplog.text
    assert readings.unread_queues() == {f"{kind}:orders": 1}
    assert "is not read just now" in caplog.text


def test_its_return_is_told_too(acme, redis_url):
    source = parse(redis_url.replace("redis://", "redis-stream://") + "?stream=orders&workspace=acme")
    states.Telling(source).fails(ConnectionError("away"))
    first = QueueState.objects.get().failing_since
    clock.shift("10s")
    states.Telling(source).fails(ConnectionError("still away"))  # another worker; since when, stays
    assert QueueState.objects.get().failing_since == first
    clock.shift("2m")
    with scoped(None):
        consumer = Consumer(source)
        consumer.start()
        until(lambda: not readings.troubles(acme.pk).queues)
        consumer.stop()
    assert (QueueState.objects.get().error, readings.unread_queues()) == ("", {})


def test_a_worker_that_reads_it_hides_none_that_cannot(acme):
    source = parse("redis-stream://h/0?stream=orders&workspace=acme")
    fine, fails, gone = (states.Telling(source) for _ in range(3))
    for _ in range(4):
        fails.fails(ConnectionError("away"))
        fine.reads()
        clock.shift("40s")
    since = QueueState.objects.get().failing_since
    assert since is not None
    assert clock.now() - since >= timedelta(seconds=160)
    fails.reads()
    assert QueueState.objects.get().failing_since is None
    gone.fails(ConnectionError("away"))
    clock.shift("40s")
    fine.reads()
    assert QueueState.objects.get().failing_since is not None
    clock.shift("60s")
    fine.reads()
    assert QueueState.objects.get().failing_since is None


def test_it_is_not_written_with_every_read(acme, django_assert_num_queries):
    telling = states.Telling(parse("redis-stream://h/0?stream=orders&workspace=acme"))
    telling.reads()
    with django_assert_num_queries(0):
        telling.reads()
    clock.shift("1m")
    telling.reads()
    assert QueueState.objects.get().told_at > clock.now() - states.SAY_EVERY
