"""Searching, ordering and keeping views of the inbox: found in any spelling, in bounded work, each page once."""

from itertools import product

import pytest

from approvals import queries
from approvals.models import SavedFilter, words
from approvals.policies import ordering
from approvals.queries import searching
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy.scope import scoped
from tests.approvals.making import ask, decide
from tests.browsing import signed_in


def titles(member, **asking):
    return [row.ask for row in queries.inbox(queries.targets_of(member.pk), **asking).items]


def every_page(member, **asking):
    """The titles of all pages, and how many pages there were."""
    found, cursor, pages = [], None, 0
    while True:
        page = queries.inbox(queries.targets_of(member.pk), cursor=cursor, **asking)
        found += [row.ask for row in page.items]
        cursor, pages = page.next, pages + 1
        if cursor is None:
            return found, pages


def test_words_have_one_spelling():
    assert words.of("Café-Rechnung ORD-9218", "Straße") == ["cafe", "rechnung", "ord", "9218", "strasse"]
    assert words.line(["a", "b"]) == " a b"
    assert words.of("… — !") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cafe", ["Café in Köln"]),
        ("KÖLN caf", ["Café in Köln"]),
        ("ORD-9218", ["Refund ORD-9218"]),
        ("refund", ["Refund ORD-9218", "Refund ORD-9107"]),
        ("9218 refund", ["Refund ORD-9218"]),
        ("efund", []),
        ("!", []),
        ("asks", ["Refund ORD-9218", "Refund ORD-9107", "Café in Köln"]),
        ("high risk", ["Refund ORD-9218"]),
        ("100% _", []),
    ],
)
def test_words_are_found_by_how_they_begin(dispatcher, cast, query, found):
    for title, risk in (("Refund ORD-9107", "low"), ("Café in Köln", "low"), ("Refund ORD-9218", "high")):
        ask(title=title, risk=risk)
        clock.shift("1m")
    assert titles(cast.bo, query=query) == found


@pytest.mark.parametrize("scope", ["mine", "unassigned", "done"])
def test_every_way_of_searching_finds_the_same(dispatcher, cast, monkeypatch, subtests, scope):
    """By the words table, or by reading on in the list: what is found, in which order, and each once."""
    for number in range(30):
        _, prompt = ask(title=f"{'rare' if number in (3, 20) else 'common'} {number}", assign="role:manager")
        if scope == "done":
            decide(prompt, cast.bo)
        clock.shift("1m")
    whole = titles(cast.bo, scope=scope)
    for (few, read_on), word in product([(1000, 2000), (0, 3), (2, 3)], ["rare", "common", "asks"]):
        with subtests.test(few=few, read_on=read_on, word=word):
            monkeypatch.setattr(searching, "FEW", few)
            monkeypatch.setattr(searching, "READ_ON", read_on)
            expected = [title for title in whole if word in title or word == "asks"]
            found, pages = every_page(cast.bo, scope=scope, query=word, limit=2)
            assert found == expected
            assert pages <= 20


def test_a_search_reads_in_a_bounded_number_of_queries(dispatcher, cast, django_assert_max_num_queries):
    for number in range(20):
        ask(title=f"common {number}", assign="role:manager")
    targets = queries.targets_of(cast.bo.pk)
    for query in ("common", "common 19", "nowhere at all", "a b c d e f g"):
        with django_assert_max_num_queries(8):
            queries.inbox(targets, query=query, limit=5)


def test_other_workspaces_are_not_searched(dispatcher, cast):
    ask(title="Secret", assign=["role:owner"])
    assert titles(cast.ana, query="secret") == ["Secret"]
    with scoped(cast.globex.pk):
        assert titles(cast.gil, query="secret") == []


@pytest.mark.parametrize("scope", ["mine", "unassigned"])
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["b", "a", "c"]),
        ("oldest", ["a", "b", "c"]),
        ("newest", ["c", "b", "a"]),
        ("due", ["a", "c", "b"]),
        ("amount", ["c", "a", "b"]),
    ],
)
def test_a_chosen_order(dispatcher, cast, scope, sort, order):
    for title, risk, timeout, amount in (("a", "low", "1h", 50), ("b", "high", "9h", None), ("c", "low", "2h", 1000)):
        data = {"amount": amount} if amount else {"note": "x"}
        ask(title=title, risk=risk, timeout=timeout, data=data, assign=["role:manager", "group:finance"])
        clock.shift("1m")
    assert titles(cast.bo, scope=scope, sort=sort) == order
    assert every_page(cast.bo, scope=scope, sort=sort, limit=1)[0] == order
    assert every_page(cast.bo, scope=scope, sort=sort, limit=1, query="asks")[0] == order


def test_places_hold_what_amounts_may_be():
    def key(amount):
        at = clock.now()
        return ordering.places(escalated=False, risk="low", due_at=None, created_at=at, amount=amount, id="")[
            "amount_key"
        ]

    keys = [key(amount) for amount in ("9,999,999,999.00 EUR", "10.50", "9.00 USD", "0.00", "-5.00", "", "n/a")]
    assert keys == sorted(keys)
    assert keys[-1] == keys[-2]


def test_a_chosen_order_stays(dispatcher, cast):
    client = signed_in(cast.bo)
    assert client.get("/inbox/?sort=newest").context["sort"] == "newest"
    assert client.get("/inbox/").context["sort"] == "newest"
    assert client.get("/inbox/?sort=").context["sort"] == ""
    assert client.get("/inbox/").context["sort"] == ""
    assert client.get("/inbox/?sort=price").status_code == 404


def test_a_view_is_kept_renamed_and_forgotten(dispatcher, cast):
    client = signed_in(cast.bo)
    answer = client.post(
        "/inbox/filters", {"name": " Big  refunds ", "query": "q=refund&sort=amount&evil=1&scope=mine"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/inbox/?scope=mine&q=refund&sort=amount")
    kept = SavedFilter.objects.get()
    assert (kept.name, kept.query) == ("Big refunds", "scope=mine&q=refund&sort=amount")
    [shown] = client.get("/inbox/?" + kept.query).context["saved"]
    assert (shown["name"], shown["active"]) == ("Big refunds", True)
    client.post("/inbox/filters", {"name": "big refunds", "query": "scope=done&sort="})
    assert SavedFilter.objects.get().query == "scope=done&sort="
    client.post(f"/inbox/filters/{kept.pk}/rename", {"name": "Past"})
    assert SavedFilter.objects.get().name == "Past"
    client.post(f"/inbox/filters/{kept.pk}/delete")
    assert SavedFilter.objects.count() == 0
    assert list(
        AuditEntry.objects.filter(verb__startswith="filter.").order_by("id").values_list("verb", flat=True)
    ) == [*("filter.saved", "filter.saved", "filter.renamed", "filter.deleted")]


def test_filters_are_ones_own(dispatcher, cast):
    signed_in(cast.bo).post("/inbox/filters", {"name": "Mine", "query": "scope=mine&sort="})
    kept = SavedFilter.objects.get()
    ana = signed_in(cast.ana)
    assert ana.get("/inbox/").context["saved"] == []
    for verb in ("rename", "delete"):
        assert ana.post(f"/inbox/filters/{kept.pk}/{verb}", {"name": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("posted", "field"),
    [
        ({"name": "", "query": "scope=mine"}, "name"),
        ({"name": "x" * 61, "query": "scope=mine"}, "name"),
        ({"name": "x", "query": "scope=all"}, "query"),
        ({"name": "x", "query": "sort=price"}, "query"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(cast, posted, field):
    answer = signed_in(cast.bo).post("/inbox/filters", posted, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, [field])
    assert SavedFilter.objects.count() == 0


def test_a_name_is_given_once(cast):
    client = signed_in(cast.bo)
    for name in ("One", "Two"):
        client.post("/inbox/filters", {"name": name, "query": "scope=mine"})
    two = SavedFilter.objects.get(name="Two")
    answer = client.post(f"/inbox/filters/{two.pk}/rename", {"name": "ONE"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["name"])


def test_who_is_asked_twice_at_once_sees_every_page(dispatcher, cast):
    for number in range(5):
        ask(title=f"{number}", assign=(), stages=[[{"assign": "role:manager"}] * 4])
    assert sorted(every_page(cast.bo, limit=2)[0]) == list("01234")


def test_who_was_asked_twice_in_turn_sees_every_page(dispatcher, cast):
    for number in range(5):
        _, prompt = ask(title=f"{number}", assign=(), stages=[{"assign": "role:manager"}] * 4)
        for version in (1, 2, 3, 4):
            decide(prompt, cast.bo, version=version)
    assert sorted(every_page(cast.bo, scope="done", limit=2)[0]) == list("01234")
