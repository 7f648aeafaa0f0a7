"""A Redis stream: each message becomes one event, committed before it is acknowledged; a poison one is put aside."""

import time

import pytest
import redis
from django.db import OperationalError

from flowapp import Context, Event, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import queries, sweep
from flowapp.engine.models import Event as EventRow
from flowapp.integrations.queues import consuming, publishing, redis_stream
from flowapp.integrations.queues.redis_stream import StreamReader
from flowapp.integrations.queues.sources import parse
from flowapp.tenancy.scope import scoped
from tests.unfit import UNFIT


@workflow(name="queued-order", triggers=[Event("order/queued")])
async def queued(ctx: Context, order: dict[str, object]) -> object:
    return order


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as connected:
        yield connected


@pytest.fixture
def setting(redis_url):
    url = redis_url.replace("redis://", "redis-stream://")
    return f"{url}?stream=orders&workspace=acme&event=order/queued&tries=3"


@pytest.fixture
def reader(acme, setting):
    with scoped(None), ImmediateDispatcher().installed():
        reader = StreamReader(parse(setting), take_over_ms=0, block_ms=10)
        yield reader
        reader.close()


def outputs(acme):
    with scoped(acme.pk):
        return [queries.run_detail(run.id).output for run in queries.run_page().items][::-1]


def test_messages_become_events_and_are_acknowledged(acme, reader, client):
    client.xadd("orders", {"data": '{"total": 1}'})
    client.xadd("orders", {"total": "2", "currency": "EUR"})
    assert reader.round() == 2
    assert outputs(acme) == [{"total": 1}, {"total": "2", "currency": "EUR"}]
    assert client.xpending("orders", "flowapp")["pending"] == 0
    assert reader.round() == 0


def test_what_lay_there_before_anybody_read_is_read(acme, reader, client):
    client.xadd("orders", {"data": '{"total": 1}'})
    assert reader.round() == 1


def test_a_message_delivered_again_has_no_second_effect(acme, reader, client, monkeypatch):
    """Cut off between the commit and the acknowledgement."""
    client.xadd("orders", {"data": '{"total": 1}'})
    with monkeypatch.context() as patched:
        patched.setattr(reader._redis, "xack", lambda *_: (_ for _ in ()).throw(redis.ConnectionError("cut off")))
        with pytest.raises(redis.ConnectionError):
            reader.round()
    assert client.xpending("orders", "flowapp")["pending"] == 1
    other = StreamReader(reader.source, take_over_ms=0, block_ms=10)
    assert other.round() == 1
    other.close()
    assert outputs(acme) == [{"total": 1}]
    assert client.xpending("orders", "flowapp")["pending"] == 0


def test_the_sender_s_own_id_counts(acme, reader, client):
    for _ in range(2):
        client.xadd("orders", {"data": '{"total": 1}', "id": "order-1"})
    reader.round()
    assert outputs(acme) == [{"total": 1}]


def test_a_poison_message_is_put_aside_loudly_after_its_tries(acme, reader, client, caplog):
    client.xadd("orders", {"data": "{not json"})
    client.xadd("orders", {"data": '{"total": 2}'})
    for _ in range(3):
        assert not client.exists("orders:dead")
        reader.round()
    assert outputs(acme) == [{"total": 2}]
    assert client.xpending("orders", "flowapp")["pending"] == 0
    ((_, buried),) = client.xrange("orders:dead")
    assert buried["data"] == "{not json"
    assert "not JSON" in buried["flowapp-error"]
    assert [record.levelname for record in caplog.records if "orders:dead" in record.message] == ["ERROR"]


@pytest.mark.parametrize(("body", "_status", "words"), UNFIT)
def test_what_no_door_lets_in_is_put_aside(acme, reader, client, body, _status, words):
    client.xadd("orders", {"data": body})
    for _ in range(3):
        reader.round()
    assert EventRow.unscoped.count() == 0
    with redis.Redis.from_url(reader.source.url) as raw:  # its bytes need not be text
        ((_, buried),) = raw.xrange("orders:dead")
    assert buried[b"data"] == body
    assert words in buried[b"flowapp-error"].decode()


@pytest.mark.parametrize("fields", [{"name": "a\0b"}, {"name": "x" * 201}, {"id": "a\0b", "name": "order/queued"}])
def test_names_and_ids_that_nothing_keeps(acme, setting, client, fields):
    reader = StreamReader(parse(setting.replace("&event=order/queued", "")), take_over_ms=0, block_ms=10)
    client.xadd("orders", {"data": "{}"} | fields)
    for _ in range(3):
        reader.round()
    reader.close()
    if "id" in fields:  # it is known by its digest
        assert EventRow.unscoped.count() == 1
        return
    ((_, buried),) = client.xrange("orders:dead")
    assert buried["flowapp-error"].startswith(("BadMessage", "InvalidInput"))


def test_while_the_database_is_away_nothing_is_lost_or_counted(acme, reader, client, monkeypatch):
    client.xadd("orders", {"data": '{"total": 1}'})

    def away(*_):
        raise OperationalError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(redis_stream, "publish", away)
        for _ in range(5):
            with pytest.raises(OperationalError):
                reader.round()
    reader.round()
    assert outputs(acme) == [{"total": 1}]
    assert not client.exists("orders:dead")


def test_a_message_may_name_its_event(acme, setting, client):
    with scoped(None), ImmediateDispatcher().installed():
        reader = StreamReader(parse(setting.replace("&event=order/queued", "")), take_over_ms=0, block_ms=10)
        client.xadd("orders", {"data": '{"total": 1}', "name": "order/queued"})
        client.xadd("orders", {"data": '{"total": 2}'})
        assert reader.round() == 2
        reader.close()
    assert outputs(acme) == [{"total": 1}]


def test_another_workspace_hears_nothing(acme, setting, client):
    reader = StreamReader(parse(setting.replace("acme", "nobody-s")), take_over_ms=0, block_ms=10)
    client.xadd("orders", {"data": "{}"})
    with scoped(None), pytest.raises(publishing.NoSuchWorkspace):
        reader.round()
    reader.close()


def test_a_worker_reads_while_it_sweeps(acme, setting, client, settings):
    settings.FLOWAPP_EVENT_SOURCES = [setting]
    assert consuming.consuming in sweep.companions
    with scoped(None), ImmediateDispatcher().installed(), consuming.consuming():
        client.xadd("orders", {"data": '{"total": 7}'})
        until = time.monotonic() + 10
        while [(one["entries-read"], one["pending"]) for one in client.xinfo_groups("orders")] != [(1, 0)]:
            assert time.monotonic() < until
            time.sleep(0.02)
    with scoped(acme.pk):
        assert len(queries.run_page().items) == 1
