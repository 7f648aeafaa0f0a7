"""The inbox through the API: scopes, searches and orders as the page has them, and the views kept under names."""

from typing import Any

import pytest

from approvals.models import SavedFilter
from flowapp.engine import clock
from flowapp.tenancy.scope import scoped
from tests.approvals.making import ask, decide
from tests.slack_server import SECRET, TOKEN, slack_server


def found(answer):
    return [one["title"] for one in answer.json()["items"]]


@pytest.fixture
def asked(cast, dispatcher):
    """Three prompts put to Bo or finance, one that has ended; the oldest first."""
    asks: dict[str, dict[str, Any]] = {
        "Pay the taxi": {"data": {"amount": 20}},
        "Pay the hotel": {"data": {"amount": 900}, "risk": "high"},
        "Book the room": {"assign": "group:finance"},
        "Pay the dinner": {},
    }
    with scoped(cast.acme.pk):
        for title, options in asks.items():
            _, prompt = ask(title=title, **options)
            clock.shift("1m")
        decide(prompt, cast.bo)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"scope": "mine"}, ["Pay the hotel", "Pay the taxi"]),
        ({"scope": "mine", "sort": "oldest"}, ["Pay the taxi", "Pay the hotel"]),
        ({"scope": "mine", "sort": "amount"}, ["Pay the hotel", "Pay the taxi"]),
        ({"scope": "mine", "search": "tax"}, ["Pay the taxi"]),
        ({"scope": "done"}, ["Pay the dinner"]),
        ({"scope": "groups"}, []),
        ({"scope": "unassigned"}, ["Book the room"]),
    ],
)
def test_a_scope_is_read_as_the_page_shows_it(asked, bo, query, titles):
    assert found(bo.get("/prompts", **query)) == titles


def test_a_scope_is_paged_in_its_order(asked, bo, cast, calling):
    first = bo.get("/prompts", scope="mine", sort="newest", limit=1)
    rest = bo.get("/prompts", scope="mine", sort="newest", limit=1, cursor=first.json()["next"])
    assert (found(first), found(rest), rest.json()["next"]) == (["Pay the hotel"], ["Pay the taxi"], None)
    assert found(calling(cast.cleo).get("/prompts", scope="groups")) == ["Book the room"]
    counts = bo.get("/inbox").json()
    assert counts == {
        "mine": {"open": 2, "more": False},
        "groups": {"open": 0, "more": False},
        "unassigned": {"open": 1, "more": False},
    }


@pytest.mark.parametrize("count", [1, 3])
def test_a_scope_takes_the_same_queries_for_any_number(cast, dispatcher, bo, django_assert_num_queries, count):
    with scoped(cast.acme.pk):
        for _ in range(count):
            ask()
    # The key, whom it means, the places, their rows, and the prompts with assignments and decisions.
    with django_assert_num_queries(9):
        assert len(bo.get("/prompts", scope="mine").json()["items"]) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"scope": "all"}, "scope"),
        ({"scope": "mine", "sort": "risk"}, "sort"),
        ({"scope": "mine", "status": "pending"}, "scope"),
        ({"search": "taxi"}, "scope"),
        ({"scope": "mine", "search": "x" * 201}, "search"),
        ({"scope": "done", "cursor": "x~y"}, "cursor"),
    ],
)
def test_what_is_no_view_names_the_field(bo, query, field):
    answer = bo.get("/prompts", **query)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [[field]])


def test_a_workspaces_key_has_no_inbox(key):
    for answer in (key.get("/prompts", scope="mine"), key.get("/inbox"), key.get("/filters")):
        assert (answer.status_code, answer.json()["type"]) == (403, "not-eligible")


VIEW = {"name": "Big ones", "scope": "mine", "search": "hotel & bar", "sort": "amount"}


def test_a_view_is_kept_changed_and_forgotten(bo, cast, calling):
    made = bo.post("/filters", VIEW)
    kept = made.json()
    assert (made.status_code, {name: kept[name] for name in VIEW}) == (201, VIEW)
    again = bo.post("/filters", {"name": "big ones"}).json()
    assert (again["id"], again["search"], again["sort"]) == (kept["id"], "", None)
    bo.post("/filters", {"name": "Other", "scope": "done"})
    taken = bo.put(f"/filters/{kept['id']}", VIEW | {"name": "other"})
    assert (taken.status_code, taken.json()["errors"][0]["loc"]) == (422, ["name"])
    assert bo.put(f"/filters/{kept['id']}", VIEW | {"name": "Large"}).json()["name"] == "Large"
    assert [one["name"] for one in bo.get("/filters").json()["items"]] == ["Large", "Other"]
    cleo = calling(cast.cleo)
    assert (cleo.get("/filters").json()["items"], cleo.delete(f"/filters/{kept['id']}").status_code) == ([], 404)
    assert (bo.delete(f"/filters/{kept['id']}").status_code, len(bo.get("/filters").json()["items"])) == (204, 1)


@pytest.mark.parametrize("query", ["q=taxi", "scope=bogus&q=taxi", "scope=mine&q=taxi&sort=bogus"])
def test_a_view_kept_in_other_words_is_shown_as_the_page_reads_it(bo, cast, query):
    bo.post("/filters", VIEW)
    with scoped(cast.acme.pk):
        SavedFilter.objects.update(query=query)
    [kept] = bo.get("/filters").json()["items"]
    assert (kept["scope"], kept["search"], kept["sort"]) == ("mine", "taxi", None)


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 61}, {"scope": "all"}, {"sort": "x"}, {"search": "\0"}])
def test_what_cannot_be_kept_names_the_field(bo, wrong):
    answer = bo.post("/filters", VIEW | wrong)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [[*wrong]])


def test_a_search_that_is_too_long_once_it_is_written_out_names_the_field(bo):
    answer = bo.post("/filters", VIEW | {"search": "ü" * 150})
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [["search"]])


def test_slack_is_connected_and_taken_away(cast, calling, settings):
    ana = calling(cast.ana, "approvals:decide")
    secrets = {"bot_token": TOKEN, "signing_secret": SECRET}
    with slack_server() as server:
        settings.FLOWAPP_SLACK_API_URL = server.url
        assert ana.get("/slack").json()["team"] is None
        wrong = ana.put("/slack", secrets | {"bot_token": "x"})
        assert (wrong.status_code, wrong.json()["errors"][0]["loc"]) == (422, ["bot_token"])
        connected = ana.put("/slack", secrets)
        assert (connected.status_code, connected.json()["team"]["name"]) == (200, "Acme")
        assert TOKEN not in connected.content.decode()
        # Whoever connects a team says who may decide from there, so that a key needs to be granted it.
        weak = calling(cast.ana)
        refused = [weak.put("/slack", secrets), weak.delete("/slack")]
        assert [(one.status_code, one.json()["type"]) for one in refused] == [(403, "not-eligible")] * 2
        assert ana.delete("/slack").status_code == 204
    assert ana.get("/slack").json()["team"] is None
    assert calling(cast.bo).get("/slack").status_code == 403
    assert calling(cast.bo).get("/slack/account").json() == {"slack_id": None, "by_email": False}
    assert calling(cast.bo).delete("/slack/account").status_code == 204
