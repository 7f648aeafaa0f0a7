"""A queue over kombu, here with its own transport in memory: acknowledged after the commit, poison put aside."""

import pytest
from django.db import OperationalError
from kombu import Connection

from flowapp import Context, Event, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import queries
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
    name = request.node.name[:100]
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


def test_messages_become_events_and_are_acknowledged(acme, queue, reader):
    name, send, connection = queue
    send('{"total": 1}', message_id="m-1")
    send('{"total": 1}', message_id="m-1")
    send('{"total": 2}')
    drain(reader)
    assert outputs(acme) == [{"total": 1}, {"total": 2}]
    reader.close()
    assert connection.SimpleQueue(name).qsize() == 0


def test_a_poison_message_is_put_aside_after_its_tries(acme, queue, reader, caplog):
    name, send, connection = queue
    send("{not json", message_id="bad")
    send('{"total": 2}')
    drain(reader)
    assert outputs(acme) == [{"total": 2}]
    buried = connection.SimpleQueue(f"{name}.dead").get(block=False)
    assert buried.body in ("{not json", b"{not json")
    assert buried.headers[amqp.TRIES] == 3
    assert "not JSON" in buried.headers[amqp.ERROR]
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
