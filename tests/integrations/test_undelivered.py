"""What never got there: admins see it and try it again, with the same id, for another day."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flowapp.audit.models import AuditEntry
from flowapp.integrations import delivery, outbox, undelivered
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.outbox import GiveUp, put
from flowapp.tenancy.scope import scoped
from tests import factories


@pytest.fixture
def cast(transactional_db):
    made = factories.cast()
    with scoped(made.acme.pk):
        yield made


@pytest.fixture
def admin(cast):
    client = Client()
    client.force_login(cast.ana.user)
    return client


@pytest.fixture
def dead(cast, monkeypatch):
    """Dead messages, so many; afterwards the sender works."""

    def dead(count):
        def refuse(message):
            raise GiveUp("no such channel")

        monkeypatch.setitem(outbox.senders, "test", refuse)
        made = [put("test", str(number), {"secret": "hush"}) for number in range(count)]
        delivery.deliver("test")
        monkeypatch.setitem(outbox.senders, "test", lambda message: None)
        return made

    return dead


def test_an_admin_tries_it_again_on_the_page(cast, admin, dead):
    (id_,) = dead(1)
    page = admin.get("/outbox/").content.decode()
    assert "no such channel" in page
    assert "hush" not in page
    assert admin.post(f"/outbox/{id_}/replay").status_code == 302
    delivery.deliver("test")
    assert (OutboxMessage.objects.get().status, OutboxMessage.objects.get().pk) == ("sent", id_)
    assert AuditEntry.objects.get(verb="outbox.replayed").actor_label == "Ana"
    assert admin.post(f"/outbox/{id_}/replay").status_code == 409


def test_and_through_the_api(cast, admin, dead):
    ids = dead(3)
    first = admin.get("/v1/outbox?status=dead&limit=2").json()
    second = admin.get(f"/v1/outbox?status=dead&limit=2&cursor={first['next'].replace('+', '%2B')}").json()
    assert {one["id"] for one in [*first["items"], *second["items"]]} == {str(id_) for id_ in ids}
    assert (len(first["items"]), second["next"]) == (2, None)
    assert "payload" not in first["items"][0]
    key = factories.api_key(cast.ana)[1]
    again = Client().post(f"/v1/outbox/{ids[0]}/replay", headers={"Authorization": f"Bearer {key}"})
    assert (again.status_code, again.json()["status"]) == (200, "pending")


@pytest.mark.parametrize("path", ["/outbox/?status=lost", "/outbox/?cursor=nonsense"])
def test_nonsense_in_the_address_is_said_to_be(admin, path):
    assert admin.get(path).status_code == 404


@pytest.mark.parametrize("name", ["bo", "cleo", "dev"])
def test_others_do_not_see_it(cast, dead, name):
    (id_,) = dead(1)
    client = Client()
    client.force_login(getattr(cast, name).user)
    assert client.get("/outbox/").status_code == 403
    assert client.get("/v1/outbox").status_code == 403
    assert client.post(f"/outbox/{id_}/replay").status_code == 403


def test_the_page_asks_as_much_of_the_database_for_three_as_for_one(admin, dead):
    counts = []
    for count in (1, 3):
        dead(count)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            admin.get("/outbox/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


def test_what_a_receiver_says_is_kept_as_far_as_it_is_of_use(cast, monkeypatch):
    def refuse(message):
        raise GiveUp("a null \0 and " + "x" * 10_000)

    monkeypatch.setitem(outbox.senders, "test", refuse)
    put("test", "one", {})
    delivery.deliver("test")
    found = OutboxMessage.objects.get()
    assert found.status == "dead"
    assert (found.last_error[:14], len(found.last_error)) == ("a null  and xx", 2000)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans a short table without its indexes")
@pytest.mark.parametrize("status", [None, "dead"])
def test_a_page_is_read_in_the_order_of_an_index(cast, dead, status):
    dead(2)
    with CaptureQueriesContext(connection) as queries:
        undelivered.page(status=status)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries.captured_queries[-1]['sql']}")
        plan = str(cursor.fetchall())
    assert "USING INDEX outbox_" in plan
    assert "TEMP B-TREE" not in plan
