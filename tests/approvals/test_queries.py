"""What inboxes hold, in which order, page by page, in a fixed number of queries."""

from typing import Any

import pytest

from approvals import queries
from approvals.states import ESCALATE, PromptNotFound
from flowapp.engine import clock
from flowapp.tenancy.scope import scoped
from tests.approvals.making import ask, decide


def inbox(member, **asking):
    return queries.inbox(queries.targets_of(member.pk), **asking)


def titles(page):
    return [row.ask for row in page.items]


@pytest.fixture
def filled(dispatcher, cast):
    """Prompts for everybody: made in an order that is not the inbox's."""
    ask(title="for finance, escalated", assign="group:finance", timeout="1h", on_timeout=ESCALATE)
    clock.shift("2h")
    dispatcher.sweep()
    asks: list[tuple[str, dict[str, Any]]] = [
        ("low, old", {"assign": "role:manager"}),
        ("low, due", {"assign": ["user:bo@example.com", "role:manager"], "timeout": "2h"}),
        ("high", {"assign": "role:manager", "risk": "high"}),
        ("for finance", {"assign": ["group:finance", "role:reviewer"]}),
        ("for ana", {"assign": "user:ana@example.com"}),
    ]
    for title, options in asks:
        ask(title=title, **options)
    return cast


def test_mine_is_all_i_may_decide_in_order(filled):
    assert titles(inbox(filled.bo)) == ["for finance, escalated", "high", "low, due", "low, old"]
    assert titles(inbox(filled.cleo)) == ["for finance, escalated", "for finance"]
    assert titles(inbox(filled.ana)) == ["for ana"]
    assert titles(inbox(filled.dev)) == []


def test_groups_and_what_nobody_in_particular_has(filled):
    assert titles(inbox(filled.cleo, scope="groups")) == ["for finance, escalated", "for finance"]
    assert titles(inbox(filled.bo, scope="groups")) == []
    assert titles(inbox(filled.dev, scope="unassigned")) == ["high", "low, old", "for finance"]


def test_done_is_what_was_put_to_me_newest_first(filled):
    for title in ("high", "low, due"):
        [row] = [row for row in inbox(filled.bo).items if row.ask == title]
        from approvals.models import Prompt

        decide(Prompt.objects.get(pk=row.id), filled.bo, second_factor_at=clock.now())
    done = inbox(filled.bo, scope="done")
    assert [(row.ask, row.status) for row in done.items] == [("low, due", "decided"), ("high", "decided")]
    assert titles(inbox(filled.ana, scope="done")) == []


@pytest.mark.parametrize("scope", ["mine", "unassigned", "done"])
def test_pages_hold_everything_once(filled, scope):
    if scope == "done":
        from approvals.models import Prompt

        for row in inbox(filled.bo).items:
            decide(Prompt.objects.get(pk=row.id), filled.bo, second_factor_at=clock.now())
    whole = titles(inbox(filled.bo, scope=scope))
    paged, cursor = [], None
    while True:
        page = inbox(filled.bo, scope=scope, cursor=cursor, limit=1)
        paged += titles(page)
        cursor = page.next
        if cursor is None:
            break
    assert paged == whole
    assert len(whole) >= 3


def test_searching(filled):
    assert titles(inbox(filled.bo, query="LOW")) == ["low, due", "low, old"]
    assert titles(inbox(filled.bo, query="asks", limit=2)) == ["for finance, escalated", "high"]
    assert titles(inbox(filled.bo, query="ana")) == []


def test_counts_stop_at_a_hundred(filled, monkeypatch):
    assert queries.counts(queries.targets_of(filled.bo.pk)) == {"mine": 4, "groups": 0, "unassigned": 3}
    assert queries.counts(queries.targets_of(filled.cleo.pk)) == {"mine": 2, "groups": 2, "unassigned": 3}
    assert (queries.waiting_for(filled.bo.pk), queries.waiting_for(filled.dev.pk)) == (4, 0)
    monkeypatch.setattr("approvals.queries.inboxes.COUNT_UP_TO", 2)
    assert queries.counts(queries.targets_of(filled.bo.pk)) == {"mine": 3, "groups": 0, "unassigned": 3}


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(("scope", "expected"), [("mine", 4), ("groups", 4), ("unassigned", 4), ("done", 4)])
def test_an_inbox_reads_in_a_fixed_number_of_queries(
    dispatcher, cast, django_assert_num_queries, number, scope, expected
):
    for _ in range(number):
        _, prompt = ask(assign=["group:finance", "role:reviewer"])
        if scope == "done":
            decide(prompt, cast.cleo)
    with django_assert_num_queries(expected):
        assert len(inbox(cast.cleo, scope=scope).items) == number


@pytest.mark.parametrize("number", [1, 3])
def test_pages_and_counts_read_in_a_fixed_number_of_queries(dispatcher, cast, django_assert_num_queries, number):
    for _ in range(number):
        _, prompt = ask(assign=["group:finance", "role:manager"])
        decide(prompt, cast.bo)
    with django_assert_num_queries(3):
        page = queries.prompt_page()
        assert [(view.assignees, str(view.decision.by)) for view in page.items] == [
            (["group:finance", "role:manager"], "bo@example.com")
        ] * number
    with django_assert_num_queries(3):
        assert queries.prompt_detail(prompt.pk).title
    with django_assert_num_queries(5):
        queries.counts(queries.targets_of(cast.cleo.pk))
    view = queries.prompt_detail(prompt.pk)
    with django_assert_num_queries(1 if number == 1 else 2):  # without a past there are no decisions to read
        assert len(queries.similar(view)) == number - 1


def test_prompt_pages_by_status_and_run(dispatcher, cast):
    run, first = ask(title="first")
    decide(first, cast.bo)
    _, second = ask(title="second")
    assert [view.title for view in queries.prompt_page().items] == ["second", "first"]
    assert [view.title for view in queries.prompt_page(status="pending").items] == ["second"]
    assert [view.title for view in queries.prompt_page(run_id=run.id).items] == ["first"]
    page = queries.prompt_page(limit=1)
    assert [view.title for view in queries.prompt_page(limit=1, cursor=page.next).items] == ["first"]
    assert list(queries.asked_of_run(second.run_id)) == ["review#1"]
    assert queries.asked_of_run(run.id) == {}


@pytest.mark.parametrize("asking", [{"cursor": "x"}, {"status": "denied"}])
def test_what_is_not_ours_is_refused(cast, asking):
    with pytest.raises(ValueError, match="is not a"):
        queries.prompt_page(**asking)
    with pytest.raises(ValueError, match="no scope 'all'"):
        inbox(cast.bo, scope="all")


def test_other_workspaces_see_nothing(filled):
    [row, *_] = inbox(filled.bo).items
    with scoped(filled.globex.pk):
        assert inbox(filled.gil).items == []
        assert queries.prompt_page().items == []
        assert queries.counts(queries.targets_of(filled.bo.pk)) == {"mine": 0, "groups": 0, "unassigned": 0}
        with pytest.raises(PromptNotFound):
            queries.prompt_detail(row.id)
