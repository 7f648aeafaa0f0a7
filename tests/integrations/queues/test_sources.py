"""What FLOWAPP_EVENT_SOURCES may say, and what is refused at boot, without showing a password."""

import pytest

from flowapp.integrations.queues.sources import BadSource, Source, parse, problem
from flowapp.variables import VARIABLES

STREAM = "redis-stream://:secret@cache:6379/2?stream=orders&workspace=acme&event=order/created"


def test_a_stream():
    source = Source("redis-stream", "redis://:secret@cache:6379/2", "orders", "acme", "order/created", "flowapp", 5)
    assert parse(STREAM) == source
    assert source.dead == "orders:dead"
    assert parse(STREAM.replace("redis-", "rediss-")).url.startswith("rediss://")


def test_a_queue():
    source = parse("amqp://user:pw@host:5672/vhost?queue=orders&workspace=acme&tries=2")
    assert (source.url, source.queue, source.event, source.tries) == ("amqp://user:pw@host:5672/vhost", "orders", "", 2)
    assert (source.label, source.dead) == ("amqp:orders", "orders.dead")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kafka://host/?queue=a&workspace=b", "must begin with redis-stream://"),
        ("redis-stream://host?workspace=acme", r"say \?stream="),
        ("amqp://user:secret@host", r"say \?queue= and workspace="),
        (STREAM + "&evnet=x", "no option evnet"),
        (STREAM + "&tries=0", "tries"),
        (STREAM.replace("orders", "o" * 121), "over 120"),
    ],
)
def test_what_cannot_be_read(text, words):
    with pytest.raises(BadSource, match=words) as bad:
        parse(text)
    assert "secret" not in str(bad.value)


def test_the_setting_is_judged_at_boot():
    (variable,) = [one for one in VARIABLES if one.name == "FLOWAPP_EVENT_SOURCES"]
    assert variable.check is not None
    assert variable.check(f"{STREAM} {STREAM}") is None
    assert "kafka" in (variable.check("kafka://host") or "")
    assert problem("") is None
