"""The run pages: what they show, what they ask of the database, and the verbs with every refusal."""

import pytest
from pytest_django import DjangoAssertNumQueries

from flowapp.engine import queries, runs
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.web import flows

CUSTOMER = {"name": "Nordwind", "address": {"street": "Kai 1", "city": "Hamburg"}, "limit": "10"}
ROWS = {"HX-Request": "true", "HX-Target": "rows"}


def onboard(by=SYSTEM):
    return runs.start("web-onboard", CUSTOMER, by=by)


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_as_many_queries_for_three_runs_as_for_one(
    dispatcher, cast, signed_in, count, django_assert_num_queries: DjangoAssertNumQueries
):
    for _ in range(count):
        onboard(factories.actor(cast.bo))
    client = signed_in(cast.dev)
    client.get("/runs/")
    # session, user, membership, runs; then for the inbox's count: absences, member, groups, what waits for them
    with django_assert_num_queries(7):
        page = client.get("/runs/")
    assert len(page.context["page"].items) == count


def test_the_list_is_filtered_by_its_address(dispatcher, cast, signed_in):
    onboard()
    waiting = runs.start("web-asks", "5", by=SYSTEM)
    client = signed_in(cast.dev)
    assert [run.id for run in client.get("/runs/?status=waiting").context["page"].items] == [waiting.id]
    assert [run.workflow for run in client.get("/runs/?workflow=web-onboard").context["page"].items] == ["web-onboard"]
    assert "No such runs" in client.get("/runs/?status=paused").content.decode()
    assert client.get("/runs/?cursor=nonsense").status_code == 404


def test_htmx_gets_the_fragment_it_replaces(dispatcher, cast, signed_in):
    onboard()
    response = signed_in(cast.dev).get("/runs/", headers=ROWS)
    assert "<html" not in response.content.decode()
    assert "web-onboard" in response.content.decode()
    assert response["Vary"].startswith("HX-Request, HX-Target")


def test_a_run_shows_its_steps_input_and_output(dispatcher, cast, signed_in):
    run = onboard(factories.actor(cast.bo))
    page = signed_in(cast.dev).get(f"/runs/{run.id}/").content.decode()
    for part in ("greet", "Completed", "Hamburg", "Hello Nordwind", "by Bo"):
        assert part in page


def test_a_waiting_run_says_on_whom(dispatcher, cast, signed_in):
    run = runs.start("web-asks", "5", by=SYSTEM)
    page = signed_in(cast.dev).get(f"/runs/{run.id}/").content.decode()
    assert "Waits for any manager to decide “Pay 5”" in page
    assert "Open the prompt" in page


def test_a_failed_run_shows_the_error_as_text_and_can_be_retried(dispatcher, cast, signed_in):
    flows.FAILURES.append("greet")
    run = onboard()
    client = signed_in(cast.bo)
    assert "the greeter is &lt;out&gt;" in client.get(f"/runs/{run.id}/").content.decode()
    page = client.post(f"/runs/{run.id}/retry", follow=True).content.decode()
    assert "Hello Nordwind" in page


def test_a_signal_with_data_reaches_the_run(dispatcher, cast, signed_in):
    run = runs.start("web-listens", None, by=SYSTEM)
    signed_in(cast.bo).post(f"/runs/{run.id}/signal", {"name": "word", "data": '"hello"'})
    assert queries.run_detail(run.id).output == "hello"


@pytest.mark.parametrize(
    ("typed", "why"),
    [("{half", "The data is not JSON"), ("4711", "data: Input should be a valid string")],
)
def test_a_signal_that_cannot_be_sent_keeps_what_was_typed(dispatcher, cast, signed_in, typed: str, why: str):
    run = runs.start("web-listens", None, by=SYSTEM)
    refused = signed_in(cast.bo).post(f"/runs/{run.id}/signal", {"name": "word", "data": typed})
    assert refused.status_code == 422
    assert why in refused.content.decode()
    assert typed in refused.content.decode()


def test_cancelling_ends_the_run_with_the_reason(dispatcher, cast, signed_in):
    run = runs.start("web-listens", None, by=SYSTEM)
    signed_in(cast.bo).post(f"/runs/{run.id}/cancel", {"reason": "not needed"})
    assert queries.run_detail(run.id).status == "cancelled"


def test_forking_leads_to_the_new_run(dispatcher, cast, signed_in):
    run = onboard()
    answer = signed_in(cast.bo).post(f"/runs/{run.id}/fork", {"from_step": "greet#1"})
    assert answer.status_code == 302
    assert str(run.id) not in answer["Location"]


def test_a_verb_the_state_does_not_allow_is_refused_on_the_page(dispatcher, cast, signed_in):
    run = onboard()
    refused = signed_in(cast.bo).post(f"/runs/{run.id}/pause")
    assert refused.status_code == 409
    assert "a run that is completed cannot pause" in refused.content.decode()


def test_viewers_look_but_do_not_steer(dispatcher, cast, signed_in):
    run = runs.start("web-listens", None, by=SYSTEM)
    client = signed_in(cast.dev)
    assert "verb-cancel" not in client.get(f"/runs/{run.id}/").content.decode()
    assert client.post(f"/runs/{run.id}/cancel").status_code == 403
    assert queries.run_detail(run.id).status == "waiting"


def test_verbs_are_posted(dispatcher, cast, signed_in):
    run = runs.start("web-listens", None, by=SYSTEM)
    assert signed_in(cast.bo).get(f"/runs/{run.id}/cancel").status_code == 405
    assert signed_in(cast.bo).post(f"/runs/{run.id}/explode").status_code == 404


def test_another_workspaces_run_is_not_there(dispatcher, cast, signed_in):
    run = onboard()
    assert signed_in(cast.gil).get(f"/runs/{run.id}/").status_code == 404
    assert signed_in(cast.gil).post(f"/runs/{run.id}/cancel").status_code == 404
    with scoped(cast.globex.pk):
        assert queries.run_page().items == []
