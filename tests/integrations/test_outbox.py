"""The outbox: with its transaction or not at all, at least once with the same id, tried for a day, then dead."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from flowapp.engine import clock
from flowapp.integrations import delivery, outbox
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.outbox import GiveUp, TryAgain, message, put, put_all
from flowapp.tenancy import scope
from flowapp.tenancy.scope import scoped
from tests import factories


@pytest.fixture
def sent(monkeypatch):
    """What the channel "test" delivered; set `.answer` to an exception to have it fail."""

    class Sent(list[Any]):
        answer: Exception | None = None

    taken = Sent()

    def send(message):
        taken.append((message.pk, message.payload, scope.current()))
        if taken.answer is not None:
            raise taken.answer

    monkeypatch.setattr(delivery, "senders", {"test": send})
    return taken


def only():
    return OutboxMessage.objects.get()


def test_it_goes_out_once_in_its_workspace(acme, sent):
    id_ = put("test", "one", {"n": 1})
    assert delivery.deliver() == 1
    assert sent == [(id_, {"n": 1}, acme.pk)]
    assert (only().status, only().attempts) == ("sent", 1)
    assert delivery.deliver() == 0


def test_the_same_key_is_the_same_message(acme, sent):
    assert put("test", "one", {"n": 1}) == put("test", "one", {"n": 2})
    assert only().payload == {"n": 1}
    with scoped(factories.workspace().pk):
        put("test", "one", {"n": 3})
    assert delivery.deliver() == 2


def test_it_is_rolled_back_with_what_it_tells_of(acme, sent):
    with transaction.atomic():
        put("test", "one", {})
        transaction.set_rollback(True)
    assert not OutboxMessage.objects.exists()


def test_not_before_its_time(acme, sent):
    put("test", "one", {}, due_at=clock.now() + timedelta(hours=1))
    assert delivery.deliver() == 0
    clock.shift("61m")
    assert delivery.deliver() == 1


def test_a_failure_is_tried_again_later_with_the_same_id(acme, sent):
    put("test", "one", {})
    sent.answer = OSError("unplugged")
    delivery.deliver()
    assert (only().status, only().last_error) == ("pending", "OSError: unplugged")
    assert delivery.deliver() == 0
    clock.shift("6s")
    sent.answer = None
    delivery.deliver()
    assert len({id_ for id_, *_ in sent}) == 1
    assert (only().status, only().attempts, only().last_error) == ("sent", 2, "")


def test_pauses_grow_up_to_an_hour():
    longest = [max(delivery._pause(attempt, None) for _ in range(50)) for attempt in (1, 2, 5, 30)]
    assert longest[0] <= 5 < longest[1] <= 10 < longest[2] <= 80 < longest[3] <= 3600


def test_the_receiver_says_how_long_to_wait(acme, sent):
    put("test", "one", {})
    sent.answer = TryAgain("busy", after=300)
    delivery.deliver()
    assert timedelta(seconds=299) < only().due_at - clock.now() < timedelta(seconds=302)


def test_after_a_day_it_is_dead(acme, sent):
    put("test", "one", {})
    sent.answer = OSError("unplugged")
    for _ in range(40):
        delivery.deliver()
        clock.shift("1h")
    assert (only().status, only().last_error) == ("dead", "OSError: unplugged")
    assert 24 <= only().attempts <= 30


def test_what_can_never_be_delivered_is_dead_at_once(acme, sent):
    put("test", "one", {})
    sent.answer = GiveUp("no such channel")
    delivery.deliver()
    assert (only().status, only().last_error, only().attempts) == ("dead", "no such channel", 1)


def test_a_lost_sender_is_replaced_after_its_lease_and_can_note_nothing(acme, sent):
    put("test", "one", {})
    (lost,) = delivery.claim("test", 10)
    assert delivery.deliver() == 0
    clock.shift("3m")
    sent.answer = TryAgain("busy", after=60)
    assert delivery.deliver() == 1
    delivery._note(lost, status="sent")
    assert only().status == "pending"


def test_claimers_at_once_share_the_messages(acme, sent):
    with transaction.atomic():
        for number in range(40):
            put("test", str(number), {})
    claimed, start = [], threading.Barrier(4)

    def take():
        start.wait()
        while found := delivery.claim("test", 5):
            claimed.extend(found)
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len({one.pk for one in claimed}) == 40


def test_what_was_delivered_is_forgotten_after_a_week(acme, sent):
    put("test", "one", {})
    delivery.deliver()
    assert delivery.prune() == 0
    clock.shift("8d")
    assert delivery.prune() == 1
    assert not OutboxMessage.objects.exists()


def test_a_worker_delivers_by_itself_and_a_stuck_channel_holds_up_no_other(acme, embedded_worker, monkeypatch):
    stuck, went = threading.Event(), threading.Event()
    monkeypatch.setitem(outbox.senders, "slow", lambda message: stuck.wait(20))
    monkeypatch.setitem(outbox.senders, "quick", lambda message: went.set())
    with transaction.atomic():
        for number in range(20):
            put("slow", str(number), {})
        put("quick", "one", {})
    assert went.wait(10)
    stuck.set()


def test_a_workspace_whose_receivers_hang_holds_up_no_other(acme, embedded_worker, monkeypatch):
    stuck, went = threading.Event(), threading.Event()
    quiet = factories.workspace("quiet").pk

    def send(message):
        if message.workspace_id == quiet:
            went.set()
        else:
            stuck.wait(20)

    monkeypatch.setitem(outbox.senders, "test", send)
    with transaction.atomic():
        for number in range(20):
            put("test", str(number), {})
    with scoped(quiet):
        put("test", "one", {})
    assert went.wait(10)
    stuck.set()


def test_workspaces_take_turns_and_so_do_the_receivers_of_one(acme):
    """Whoever has least under way comes first, however long the others' lines are; and none has more than its share."""
    others = [factories.workspace(name).pk for name in ("one", "two")]
    for workspace in (acme.pk, *others):
        with scoped(workspace):
            for number in range(24):
                put("test", str(number), {}, receiver=f"r{number // 6}")
        clock.shift("1s")
    under_way = Counter({(acme.pk, "r0"): 2, (others[0], "r0"): 1})
    claimed = [(one.workspace_id, one.receiver) for one in delivery.claim("test", 3, under_way)]
    assert set(claimed) == {(others[0], "r1"), (others[1], "r0"), (others[1], "r1")}
    rest = delivery.claim("test", 50, Counter({(acme.pk, "r0"): delivery.MOST_EACH}))
    assert Counter(one.workspace_id for one in rest) == dict.fromkeys(others, delivery.MOST_EACH)
    each = Counter((one.workspace_id, one.receiver) for one in rest)
    assert max(each.values()) == delivery.MOST_FOR_ONE
    assert {receiver for _, receiver in each} == {"r0", "r1", "r2", "r3"}
    full = Counter({(one, "r3"): delivery.MOST_EACH for one in (acme.pk, *others)})
    assert delivery.claim("test", 50, full) == []


def test_a_receiver_alone_has_its_share_and_no_more(acme):
    for number in range(10):
        put("test", str(number), {}, receiver="only")
    put("test", "later", {}, receiver="other")
    assert Counter(one.receiver for one in delivery.claim("test", 50, Counter())) == {
        "only": delivery.MOST_FOR_ONE,
        "other": 1,
    }


def test_a_channel_without_receivers_has_all_of_its_workspaces_share(acme):
    for number in range(10):
        put("test", str(number), {})
    assert len(delivery.claim("test", 50, Counter({(acme.pk, ""): 2}))) == delivery.MOST_EACH - 2


def test_a_long_line_is_not_read_to_find_what_is_due(acme, sent):
    put_all([message("test", str(number), {}, receiver="long") for number in range(4000)])
    put("test", "last", {}, receiver="short", due_at=clock.now() + timedelta(seconds=1))
    put("test", "much later", {}, receiver="none yet", due_at=clock.now() + timedelta(hours=1))
    with scoped(factories.workspace().pk):
        put("test", "first", {}, receiver="other")
    clock.shift("1m")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as asked:
        assert delivery.due_channels() == ["test"]
        claimed = delivery.claim("test", 12, Counter())
    assert Counter(one.receiver for one in claimed) == {"long": delivery.MOST_FOR_ONE, "short": 1, "other": 1}
    reading = [one["sql"] for one in asked if one["sql"].split()[0] in ("SELECT", "WITH")]
    assert len(reading) == 5
    assert sum(map(_read_by, reading)) < 100


def _read_by(sql):
    """About how many rows a statement reads."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
            return _rows(cursor.fetchone()[0][0]["Plan"])
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    connection.connection.set_progress_handler(count, 50)  # the instructions that some rows take
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql).fetchall()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return steps


def _rows(plan):
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(map(_rows, plan.get("Plans", ())))
