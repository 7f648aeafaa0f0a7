"""What FLOWAPP_EVENT_SOURCES may say, and what is refused at boot, without showing a password."""

import pytest

from flowapp.integrations.queues import publishing
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
        (STREAM.replace("6379", "high"), "port must be a number"),
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


SAME = "redis-stream://cache:6379/0?stream=orders&workspace=acme"
OTHERS = ["redis-stream://other/0", "redis-stream://cache:6380/0", "redis-stream://cache/1"]


def event_id(text):
    return publishing.event_id(parse(text), "1700000000000-0")


def test_two_places_with_the_same_name_are_told_apart():
    ids = [event_id(SAME), *(event_id(f"{other}?stream=orders&workspace=acme") for other in OTHERS)]
    assert len(set(ids)) == 4
    assert event_id("amqp://host/a?queue=q&workspace=acme") != event_id("amqp://host/b?queue=q&workspace=acme")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SAME, "redis-stream://:new-password@CACHE?stream=orders&workspace=acme&event=order/made"),
        (SAME, SAME.replace("redis-", "rediss-")),
        ("amqp://a:b@host/?queue=q&workspace=acme", "amqp://c:d@host:5672/%2F?queue=q&workspace=acme"),
    ],
)
def test_the_same_place_written_otherwise_is_the_same(first, second):
    assert event_id(first) == event_id(second)


def test_an_event_s_id_fits_however_long_the_names_are():
    source = parse(f"redis-stream://{'h' * 200}/0?stream={'s' * 120}&workspace=acme")
    ids = {publishing.event_id(source, "i" * length) or "" for length in (50, 60, 300, 301)}
    assert len(ids) == 4
    assert max(map(len, ids)) <= 200
