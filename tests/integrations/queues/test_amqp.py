"""A queue over kombu: acknowledged after the commit, poison put aside.

With kombu's own transport in memory, and with a real broker where FLOWAPP_TEST_AMQP_URL names one (amqp://...).
"""

import os
import time
from uuid import uuid4

import pytest
from amqp.exceptions import MessageNacked
from django.db import OperationalError
from kombu import Connection, Message, Producer, Queue

from flowapp import Context, Event, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import queries
from flowapp.engine.models import Event as EventRow
from flowapp.integrations.queues import amqp
from flowapp.integrations.queues.amqp import QueueReader
from flowapp.integrations.queues.sources import parse
from flowapp.tenancy.scope import scoped


@workflow(name="amqp-order", triggers=[Event("order/amqp")])
async def ordered(ctx: Context, order: dict[str, object]) -> object:
    return order


@pytest.fixture
def queue(acme, request):
    """The name of a queue of this test's own, and what sends to it."""
    name = request.node.originalname + str(abs(hash(request.node.name)))
    with Connection("memory://") as connection:
        producer = connection.Producer()

        def send(body, **properties):
            producer.publish(
                body,
                routing_key=name,
                exchange="",
                content_type="application/json",
                content_encoding="utf-8",
                **properties,
            )

        yield name, send, connection


@pytest.fixture
def reader(queue):
    source = parse(f"memory://host?queue={queue[0]}&workspace=acme&event=order/amqp&tries=3")
    with scoped(None), ImmediateDispatcher().installed():
        reader = QueueReader(source, block_seconds=0.05)
        reader.round()  # declares the queue
        yield reader
        reader.close()


def outputs(acme):
    with scoped(acme.pk):
        return [queries.run_detail(run.id).output for run in queries.run_page().items][::-1]


def drain(reader):
    while reader.round():
        pass


def several_rounds(reader):
    for _ in range(20):
        reader.round()


def test_messages_become_events_and_are_acknowledged(acme, queue, reader):
    name, send, connection = queue
    send('{"total": 1}', message_id="m-1")
    send('{"total": 1}', message_id="m-1")
    send('{"total": 2}')
    drain(reader)
    assert outputs(acme) == [{"total": 1}, {"total": 2}]
    reader.close()
    assert connection.SimpleQueue(name).qsize() == 0


@pytest.mark.parametrize("bad", ["{not json", '{"a": 1e400}', r'{"a": "\u0000"}'])
def test_a_poison_message_is_put_aside_after_its_tries(acme, queue, reader, caplog, bad):
    name, send, connection = queue
    send(bad, message_id="bad")
    send('{"total": 2}')
    drain(reader)
    assert outputs(acme) == [{"total": 2}]
    buried = connection.SimpleQueue(f"{name}.dead").get(block=False)
    assert buried.body in (bad, bad.encode())
    assert buried.headers[amqp.TRIES] == 3
    assert "BadMessage" in buried.headers[amqp.ERROR]
    assert buried.properties["message_id"] == "bad"
    assert len([one for one in caplog.records if one.levelname == "ERROR" and ".dead" in one.message]) == 1


def test_while_the_database_is_away_it_goes_back(acme, queue, reader, monkeypatch):
    def away(*_):
        raise OperationalError("the database is away")

    queue[1]('{"total": 1}', message_id="m-1")
    with monkeypatch.context() as patched:
        patched.setattr(amqp, "publish", away)
        with pytest.raises(OperationalError):
            reader.round()
    drain(reader)
    assert outputs(acme) == [{"total": 1}]


def test_a_put_back_that_fails_leaves_the_message_in_its_queue(acme, queue, reader, monkeypatch):
    """Not acknowledged before the broker confirmed the copy: twice, perhaps, but never nowhere."""
    acknowledged: list[object] = []
    queue[1]("{not json", message_id="bad")
    monkeypatch.setattr(Message, "ack", acknowledged.append)
    monkeypatch.setattr(Producer, "publish", lambda *_, **__: (_ for _ in ()).throw(TimeoutError("not confirmed")))
    with pytest.raises(TimeoutError, match="not confirmed"):
        drain(reader)
    assert acknowledged == []


@pytest.fixture
def broker(acme):
    """A real broker, and a source that reads a queue of this test's own there."""
    url = os.environ.get("FLOWAPP_TEST_AMQP_URL")
    if not url:
        pytest.skip("no FLOWAPP_TEST_AMQP_URL")
    name = f"flowapp-test-{uuid4().hex[:12]}"
    with Connection(url) as connection, scoped(None), ImmediateDispatcher().installed():
        yield connection, parse(f"{url}?queue={name}&workspace=acme&event=order/amqp&tries=3")
        for each in (name, f"{name}.dead"):
            Queue(each)(connection.channel()).delete()


def test_a_real_broker_keeps_its_promises(acme, broker):
    connection, source = broker
    reader = QueueReader(source, block_seconds=0.05)
    reader.round()
    for number in range(60):
        connection.Producer().publish({"total": number // 2}, routing_key=source.queue, message_id=f"m-{number // 2}")
        connection.Producer().publish(b"{not json", routing_key=source.queue, content_type="text/plain")
    dead = connection.SimpleQueue(source.dead, queue_opts={"durable": True})
    late = time.monotonic() + 30
    while dead.qsize() < 60 and time.monotonic() < late:
        reader.round()
    reader.close()
    assert (dead.qsize(), connection.SimpleQueue(source.queue).qsize()) == (60, 0)
    assert dead.get(block=False).headers[amqp.TRIES] == 3
    with scoped(acme.pk):
        assert EventRow.objects.count() == 30


def test_a_real_broker_that_refuses_the_copy_keeps_the_message(acme, broker):
    connection, source = broker
    full = {"x-max-length": 0, "x-overflow": "reject-publish"}
    Queue(source.dead, durable=True, queue_arguments=full)(connection.channel()).queue_declare()
    connection.Producer().publish(b"{not json", routing_key=source.queue, declare=[Queue(source.queue, durable=True)])
    for _ in range(2):
        reader = QueueReader(source, block_seconds=0.2)
        with pytest.raises(MessageNacked):
            several_rounds(reader)
        reader.close()
    assert connection.SimpleQueue(source.queue, queue_opts={"durable": True}).qsize() == 1
