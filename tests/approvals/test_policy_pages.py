"""The policies in the browser: for owners and admins only, kept with every version, tried before they are saved."""

import pytest
from django.test import Client

from approvals import actions
from approvals.actions import Draft
from approvals.models import Policy, Prompt
from flowapp.tenancy.models import Role
from tests import factories
from tests.approvals.making import ask, decide

RULE = {"name": "Small expenses", "expression": "amount < 1000", "outcome": "approve", "workflow": "asks"}


@pytest.fixture
def ana(cast):
    client = Client()
    client.force_login(cast.ana.user)
    return client


def page(answer):
    return answer.content.decode()


def test_a_policy_is_written_and_is_in_force(dispatcher, cast, ana):
    assert "No policies yet" in page(ana.get("/policies/"))
    saved = ana.post("/policies/new", RULE, follow=True)
    assert "Small expenses is in force." in page(saved)
    listed = page(ana.get("/policies/"))
    assert all(
        text in listed for text in ("Small expenses", "amount &lt; 1000", "Version 1", "has decided nothing yet")
    )
    from flowapp.engine import runs
    from flowapp.tenancy.actors import SYSTEM
    from tests.approvals import flows
    from tests.approvals.making import EXPENSE

    flows.OPTIONS.clear()
    assert runs.start("asks", EXPENSE, by=SYSTEM).status == "completed"
    shown = page(ana.get(f"/inbox/{Prompt.objects.get().pk}/"))
    assert "by rule Small expenses v1" in shown
    assert f'<a href="/policies/{Policy.objects.get().pk}/">Small expenses v1</a> decided this.' in shown


def test_what_does_not_parse_keeps_what_was_typed(dispatcher, cast, ana):
    answer = ana.post("/policies/new", RULE | {"expression": "amount <", "reason": "typed <b>", "prompt": "review"})
    text = page(answer)
    assert answer.status_code == 422
    assert "Line 1, column 9: Syntax error" in text
    assert 'aria-invalid="true"' in text
    assert all(
        kept in text for kept in ("amount &lt;</textarea>", "typed &lt;b&gt;", 'value="review"', "Small expenses")
    )
    assert not Policy.objects.exists()


def test_what_could_not_be_checked_is_said_until_it_can_be(dispatcher, cast, ana):
    unseen = RULE | {"expression": "data.amuont < 10", "outcome": "aprove"}
    said = "so its outcome and the fields it reads could not be checked"
    assert said in page(ana.post("/policies/new", unseen | {"try": "1"}, headers={"HX-Target": "trial"}))
    assert said in page(ana.post("/policies/new", unseen, follow=True))
    decide(ask(assign="user:bo@example.com")[1], cast.bo)
    assert said not in page(ana.get(f"/policies/{Policy.objects.get().pk}/"))
    answer = ana.post("/policies/new", RULE | {"workflow": "askes", "outcome": "aprove"})
    assert (answer.status_code, "there is no workflow askes (did you mean asks?)" in page(answer)) == (422, True)


def test_it_is_tried_before_it_is_saved(dispatcher, cast, ana):
    for outcome in ("approve", "deny"):
        _, prompt = ask(title=f"Said {outcome}")
        decide(prompt, cast.bo, outcome, reasoning="no")
    htmx = {"HX-Request": "true", "HX-Target": "trial"}
    answer = ana.post("/policies/new", RULE | {"try": "1"}, headers=htmx)
    text = page(answer)
    assert "<html" not in text
    assert "This rule would have decided" in text
    assert f'<a href="/inbox/{prompt.pk}/">Said deny</a>' in text
    whole = page(ana.post("/policies/new", RULE | {"try": "1"}))
    assert "people decided" in whole
    assert "<html" in whole
    wrong = ana.post("/policies/new", RULE | {"try": "1", "expression": "x"}, headers=htmx)
    assert (wrong.status_code, "there is no x" in page(wrong)) == (422, True)
    assert not Policy.objects.exists()


def test_a_save_is_a_version_more_and_an_old_page_is_told(dispatcher, cast, ana):
    policy = actions.create_policy(name="Small", draft=Draft("amount < 10", "approve"), by=factories.actor(cast.ana))
    path = f"/policies/{policy.pk}/"
    assert 'name="number" value="1"' in page(ana.get(path))
    assert ana.post(path, RULE | {"number": "1"})["Location"] == path
    stale = ana.post(path, RULE | {"number": "1", "expression": "amount < 77"})
    assert (stale.status_code, "amount &lt; 77" in page(stale)) == (409, True)
    assert "Version 2 was saved meanwhile" in page(stale)
    history = page(ana.get(path))
    assert history.index("<b>Version 2</b>") < history.index("<b>Version 1</b>")


def test_it_is_put_away_and_moved(dispatcher, cast, ana):
    for name in ("One", "Two"):
        actions.create_policy(name=name, draft=Draft("false", "approve"), by=factories.actor(cast.ana))
    first, second = Policy.objects.order_by("position")
    assert ana.post(f"/policies/{first.pk}/turn", {"what": "disable"})["Location"] == "/policies/"
    assert ana.post(f"/policies/{second.pk}/move", {"position": "1"})["Location"] == "/policies/"
    assert [(one.name, one.enabled) for one in Policy.objects.order_by("position")] == [("Two", True), ("One", False)]
    assert ana.post(f"/policies/{first.pk}/turn", {"what": "erase"}).status_code == 422
    assert ana.post(f"/policies/{first.pk}/move", {"position": "x"}).status_code == 422


@pytest.mark.parametrize("role", [Role.MANAGER, Role.REVIEWER, Role.VIEWER])
def test_others_are_kept_out_and_shown_no_way_in(dispatcher, cast, role):
    client = Client()
    client.force_login(factories.member(role.title(), role).user)
    for path in ("/policies/", "/policies/new"):
        assert client.get(path).status_code == 403
    assert client.post("/policies/new", RULE).status_code == 403
    assert 'href="/policies/"' not in page(client.get("/inbox/"))
    assert not Policy.objects.exists()


def test_owners_and_admins_find_it_in_the_navigation(dispatcher, cast, ana):
    assert 'href="/policies/"' in page(ana.get("/inbox/"))


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_reads_in_a_fixed_number_of_queries(dispatcher, cast, ana, django_assert_num_queries, number):
    for one in range(number):
        actions.create_policy(name=str(one), draft=Draft("false", "approve"), by=factories.actor(cast.ana))
    ana.get("/policies/")
    with django_assert_num_queries(LIST):
        ana.get("/policies/")


LIST = 8  # session, user, membership; policies and versions; the inbox count: member and groups, absences, rows
