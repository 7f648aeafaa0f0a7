"""Runs are found by workflow, status, time, error type and declared fields, in a constant number of queries."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps

from flowapp.engine import clock, queries, runs
from flowapp.engine.models import SearchTerm
from flowapp.engine.reading import search
from flowapp.engine.reading.search import BadFilter, Filter, parse
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped

from . import flows


def order(id="A-1", customer="Nordwind", total="420.00"):
    return runs.start("ops-order", {"id": id, "customer": customer, "total": total}, by=SYSTEM).id


def found(**asked):
    return {row.id for row in queries.run_page(parse(**asked)).items}


def test_by_each_condition_and_by_all_of_them(dispatcher):
    flows.FAILING.add("Broke AG")
    paid, failed, other = order(), order("A-2", "Broke AG"), runs.start("ops-waits", None, by=SYSTEM).id
    assert found(workflow="ops-waits") == {other}
    assert found(statuses=["failed"]) == {failed}
    assert found(statuses=["failed", "completed"]) == {failed, paid}
    assert found(error="ValueError") == {failed}
    assert found(error="KeyError") == set()
    assert found(terms=["customer:Nordwind"]) == {paid}
    assert found(terms=["total:420"]) == {paid, failed}
    assert found(terms=["total:420.0", "order:A-2"], statuses=["failed"], workflow="ops-order") == {failed}
    assert found(terms=["order:A-3"]) == set()


def test_the_engines_own_are_found_by_name_only(dispatcher):
    spread = runs.start("ops-spreads", None, by=SYSTEM).id
    assert found() == found(statuses=["queued", "running", "waiting"]) == {spread}
    batches = found(workflow="flowapp-map")
    assert batches
    assert spread not in batches


def test_by_time(dispatcher):
    before = order()
    clock.shift("1h")
    middle = clock.now()
    after = order()
    assert found(since=middle) == {after}
    assert found(until=middle) == {before}
    assert found(since=middle - timedelta(hours=2), until=middle + timedelta(hours=2)) == {before, after}


def test_a_page_follows_the_other(dispatcher):
    made = [order(str(number)) for number in range(5)]
    for where in (Filter(), Filter(terms={"customer": "Nordwind"})):
        first = queries.run_page(where, limit=3)
        second = queries.run_page(where, cursor=first.next, limit=3)
        assert [row.id for row in first.items + second.items] == made[::-1]
        assert second.next is None


def test_children_stand_in_the_order_of_their_starts(dispatcher):
    first = order()
    parent = runs.start("ops-parent", [1, 2], by=SYSTEM).id
    last = order()
    listed = [row.id for row in queries.run_page().items]
    assert (listed[0], listed[-2:]) == (last, [parent, first])


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (True, "true"),
        (420.0, "420"),
        ("420.00", "420"),
        (0.1, "0.1"),
        ("0.50", "0.5"),
        ("00420", "00420"),
        ("1e3", "1000"),
        ("nan", "nan"),
        ("1_000", "1_000"),
        ("12345678901234567890", "12345678901234567890"),
        ("a\0b", "a\ufffdb"),
    ],
)
def test_one_spelling_for_equal_values(value, spelled):
    assert search.spelled(value) == spelled


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"statuses": ["sleepy"]}, "status"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-21", "until": "2026-11-20"}, "until"),
        ({"terms": ["customer"]}, "search"),
        ({"terms": ["secret:1"]}, "search"),
        ({"workflow": "a\0"}, "workflow"),
        ({"error": "\0"}, "error"),
        ({"since": "0001-01-01T00:00:00+23:00"}, "since"),
    ],
)
def test_what_cannot_be_asked_names_its_field(asked, field):
    with pytest.raises(BadFilter) as wrong:
        parse(**asked)
    assert wrong.value.field == field


def test_a_filter_survives_being_stored(dispatcher):
    where = parse(workflow="ops-order", statuses=["failed"], error="X", since="2026-01-01", terms=["order:1"])
    assert Filter.from_json(where.as_json()) == where


def test_the_address_is_the_filter(dispatcher, cast, signed_in):
    flows.FAILING.add("Broke AG")
    order()
    failed = order("A-2", "Broke AG")
    client = signed_in(cast.dev)
    for query in (
        "error=ValueError",
        "search=customer:Broke+AG",
        "status=failed&within=1h",
        "search=order:A-2+total:420",
    ):
        page = client.get(f"/runs/?{query}")
        assert [run.id for run in page.context["page"].items] == [failed], query
    assert "Broke AG" in client.get("/runs/?search=customer:Broke+AG").content.decode()


def test_a_filter_that_cannot_be_is_said_and_stays(dispatcher, cast, signed_in):
    order()
    answer = signed_in(cast.dev).get("/runs/?search=secret:1&since=soon")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "is not a time" in page
    assert 'value="secret:1"' in page


@pytest.mark.parametrize("moment", ["-1", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("bound", ["since", "until"])
def test_a_time_that_no_id_can_carry_is_said(cast, signed_in, bound, moment):
    for address in ("/v1/runs", "/runs/"):
        assert signed_in(cast.dev).get(f"{address}?{bound}={moment}").status_code == 422, address


@pytest.mark.parametrize("count", [1, 3])
def test_filters_cost_no_more_queries(dispatcher, cast, signed_in, count, django_assert_num_queries):
    for number in range(count):
        order(str(number))
    client = signed_in(cast.dev)
    address = "/runs/?workflow=ops-order&status=completed&within=24h&search=customer:Nordwind+total:420"
    client.get(address)
    with django_assert_num_queries(7):  # as many as without filters
        page = client.get(address)
    assert len(page.context["page"].items) == count


def test_the_api_filters_alike(dispatcher, call):
    flows.FAILING.add("Broke AG")
    paid, failed = order(), order("A-2", "Broke AG")
    ids = lambda answer: [one["id"] for one in answer.json()["items"]]  # noqa: E731
    assert ids(call("GET", "/runs?error=ValueError")) == [str(failed)]
    assert ids(call("GET", "/runs?status=failed&status=completed")) == [str(failed), str(paid)]
    assert ids(call("GET", "/runs?search=order:A-1&search=total:420")) == [str(paid)]
    assert ids(call("GET", "/runs?since=2026-01-01&until=2026-01-02")) == []
    wrong = call("GET", "/runs?search=secret:1")
    assert (wrong.status_code, wrong.json()["errors"][0]["loc"]) == (422, ["search"])


def test_another_workspace_finds_nothing_of_ours(dispatcher, cast):
    order()
    with scoped(cast.globex.pk):
        assert found(terms=["customer:Nordwind"]) == set()


def test_a_field_that_no_database_stores_as_it_is(dispatcher, call):
    odd = order(customer="Nord\0wind")
    assert found(terms=["order:A-1"]) == {odd}
    assert call("GET", f"/runs/{odd}").json()["input"]["customer"] == "Nord\0wind"


def test_runs_of_before_are_found_once_migrated(dispatcher):
    before = order()
    SearchTerm.objects.all().delete()
    assert found(terms=["total:420"]) == set()
    import_module("flowapp.engine.migrations.0004_operations").find_runs_of_before(apps, None)
    assert found(terms=["total:420", "customer:Nordwind"]) == {before}
