"""Several people must agree: distinct ones, on the same answer; a rejection ends it; votes can be taken back."""

from datetime import timedelta

import pytest
from django.test import Client

from approvals import actions, queries
from approvals.models import Decision
from approvals.states import AlreadyDecided, Expired, NotEligible, NotNow
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import absences
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.models import Role
from tests import factories
from tests.approvals.making import ask, decide

ALL = ["role:manager", "role:owner", "group:finance", "role:viewer"]


def votes(prompt):
    view = queries.prompt_detail(prompt.pk)
    return [(str(vote.by), vote.outcome) for vote in view.votes]


def status(prompt):
    prompt.refresh_from_db()
    return prompt.status, prompt.version


def rescind(prompt, who):
    actions.rescind(prompt.pk, by=factories.actor(who), channel="web")


def away(who, substitute):
    now, by = clock.now(), factories.actor(who)
    absences.set_absence(
        member=who, substitute=substitute, starts_at=now, ends_at=now + timedelta(days=3), by=by, now=now
    )


def verbs(prompt):
    entries = AuditEntry.objects.filter(target=f"prompt:{prompt.pk}").order_by("id")
    return [(entry.verb, entry.actor_label) for entry in entries][1:]


def test_the_last_of_them_decides(dispatcher, cast):
    run, prompt = ask(assign=ALL, quorum=2)
    vote = decide(prompt, cast.bo, reasoning="fine")
    assert (vote.final, status(prompt), run.status) == (False, ("pending", 1), "waiting")
    assert votes(prompt) == [("bo@example.com", "approve")]
    decision = decide(prompt, cast.ana, reasoning="me too")
    assert (decision.final, status(prompt), run.output["by"]) == (True, ("decided", 1), "ana@example.com")
    assert votes(prompt) == [("bo@example.com", "approve"), ("ana@example.com", "approve")]
    assert verbs(prompt) == [("prompt.voted", "Bo"), ("prompt.decided", "Ana")]


def test_one_person_is_one_vote_through_whatever_key(dispatcher, cast):
    _, prompt = ask(assign=ALL, quorum=2)
    key, _ = factories.api_key(cast.bo, "approvals:decide")
    first = decide(prompt, cast.bo)
    assert decide(prompt, cast.bo) == first
    assert decide(prompt, tenancy.actor_for_key(key), channel="api") == first
    assert (Decision.objects.count(), status(prompt)[0]) == (1, "pending")


def test_a_rejection_ends_it(dispatcher, cast):
    run, prompt = ask(assign=ALL, quorum=3)
    decide(prompt, cast.bo)
    decide(prompt, cast.cleo, "deny", reasoning="no")
    assert (status(prompt)[0], run.output["outcome"], run.output["by"]) == ("decided", "deny", "cleo@example.com")
    with pytest.raises(AlreadyDecided, match="deny by cleo"):
        decide(prompt, cast.bo)


def test_the_colour_of_a_button_takes_no_quorum_away(dispatcher, cast):
    run, prompt = ask(assign=ALL, quorum=2, outcomes={"ship": "", "scrap": {"tone": "danger"}})
    decide(prompt, cast.bo, "scrap")
    assert status(prompt)[0] == "pending"
    decide(prompt, cast.ana, "scrap")
    assert run.output["outcome"] == "scrap"


def test_rejections_that_are_counted_like_the_others(dispatcher, cast):
    run, prompt = ask(assign=ALL, quorum=2, reject_ends=False)
    decide(prompt, cast.bo, "deny")
    decide(prompt, cast.ana)
    assert status(prompt)[0] == "pending"
    decide(prompt, cast.dev, "deny")
    assert run.output["outcome"] == "deny"


def test_they_must_agree_on_the_same_data(dispatcher, cast):
    run, prompt = ask(assign=ALL, quorum=2, type="choice", choices=["a", "b"])
    decide(prompt, cast.bo, "submit", data=["a"])
    decide(prompt, cast.ana, "submit", data=["b"])
    assert status(prompt)[0] == "pending"
    decide(prompt, cast.cleo, "submit", data=["b"])
    assert run.output["data"] == ["b"]


def test_a_vote_may_be_changed(dispatcher, cast):
    run, prompt = ask(assign=ALL, quorum=2)
    decide(prompt, cast.bo)
    decide(prompt, cast.bo, "deny", reasoning="on second thought")
    assert (run.output["outcome"], votes(prompt)) == ("deny", [("bo@example.com", "deny")])


def test_a_vote_may_be_taken_back_before_the_quorum(dispatcher, cast):
    run, prompt = ask(assign=ALL, quorum=2)
    decide(prompt, cast.bo)
    rescind(prompt, cast.bo)
    assert votes(prompt) == []
    decide(prompt, cast.ana)
    assert status(prompt)[0] == "pending"
    with pytest.raises(NotNow, match="no vote"):
        rescind(prompt, cast.dev)
    decide(prompt, cast.bo)
    with pytest.raises(AlreadyDecided):
        rescind(prompt, cast.ana)
    assert run.status == "completed"
    assert verbs(prompt)[:2] == [("prompt.voted", "Bo"), ("prompt.vote-rescinded", "Bo")]


def test_a_key_that_may_not_decide_takes_no_vote_back(dispatcher, cast):
    _, prompt = ask(assign=ALL, quorum=2)
    decide(prompt, cast.bo)
    for scopes in ((), ("approvals:decide",)):
        key = factories.api_key(cast.bo, *scopes)[0]
        by = tenancy.actor_for(cast.bo, key)
        if scopes:
            actions.rescind(prompt.pk, by=by, channel="api")
        else:
            with pytest.raises(NotEligible, match="approvals:decide"):
                actions.rescind(prompt.pk, by=by, channel="api")
    assert votes(prompt) == []


def test_a_repeat_of_a_vote_that_another_replaced_is_a_new_vote(dispatcher, cast):
    """Cleo's substitute answered in her place since: saying her own again is no repeat of what stands."""
    run, prompt = ask(assign=["user:cleo@example.com", "role:owner"], quorum=2, reject_ends=False)
    first = decide(prompt, cast.cleo)
    away(cast.cleo, cast.dev)
    decide(prompt, cast.dev, "deny")
    shown = queries.prompt_detail(prompt.pk).votes
    assert [(vote.outcome, vote.superseded) for vote in shown] == [("approve", True), ("deny", False)]
    again = decide(prompt, cast.cleo)
    assert again.pk != first.pk
    decide(prompt, cast.ana)
    assert run.output["outcome"] == "approve"


def test_the_same_again_after_the_end(dispatcher, cast):
    _, prompt = ask(assign=ALL, quorum=2)
    decide(prompt, cast.bo)
    final = decide(prompt, cast.ana)
    assert decide(prompt, cast.bo) == decide(prompt, cast.ana) == final


def test_who_may_not_decide_has_no_vote(dispatcher, cast):
    _, prompt = ask(by=factories.actor(cast.bo), assign=ALL, quorum=2, four_eyes=True)
    with pytest.raises(NotEligible, match="four eyes"):
        decide(prompt, cast.bo)


def test_votes_do_not_stop_the_clock(dispatcher, cast):
    _, prompt = ask(assign=ALL, quorum=2, timeout="1h", on_timeout="deny")
    decide(prompt, cast.bo)
    clock.shift("61m")
    dispatcher.sweep()
    assert status(prompt)[0] == "expired"
    with pytest.raises(Expired):
        decide(prompt, cast.ana)


@pytest.mark.parametrize(
    ("options", "warnings"),
    [
        ({"assign": "role:owner", "quorum": 2}, ["2 people must answer, but only 1 of those asked may."]),
        ({"assign": ["role:owner", "group:finance"], "quorum": 2}, []),
        ({"assign": ["role:manager", "user:bo@example.com"], "quorum": 2}, ["2 people must answer, but only 1"]),
        ({"assign": ALL, "quorum": 5}, ["5 people must answer, but only 4 of those asked may."]),
        ({"assign": ["role:owner", "role:manager"], "quorum": 2, "four_eyes": True}, ["only 1 of those asked may"]),
        ({"assign": "role:manager", "four_eyes": True}, ["Nobody who is asked may answer it."]),
    ],
)
def test_a_quorum_that_cannot_be_reached_is_warned_of(dispatcher, cast, options, warnings):
    _, prompt = ask(by=factories.actor(cast.bo), **options)
    found = queries.prompt_detail(prompt.pk).warnings
    assert len(found) == len(warnings)
    assert all(part in warning for part, warning in zip(warnings, found, strict=True))
    opened = AuditEntry.objects.get(verb="prompt.opened", target=f"prompt:{prompt.pk}")
    assert opened.after.get("warnings", []) == found


def test_a_split_vote_is_warned_of(dispatcher, cast):
    _, prompt = ask(assign=["role:manager", "role:owner"], quorum=2, reject_ends=False)
    decide(prompt, cast.bo)
    assert queries.prompt_detail(prompt.pk).warnings == []
    decide(prompt, cast.ana, "deny")
    split = ["The answers differ, so none can reach 2 people unless somebody changes theirs, or more people are asked."]
    assert queries.prompt_detail(prompt.pk).warnings == split
    rescind(prompt, cast.ana)
    assert queries.prompt_detail(prompt.pk).warnings == []
    decide(prompt, cast.ana, "deny")
    another = factories.actor(factories.member("Olga", Role.OWNER))
    actions.reassign(prompt.pk, to=ALL, by=another, channel="web")
    assert queries.prompt_detail(prompt.pk).warnings == []


def test_a_split_over_what_was_chosen_is_one_too(dispatcher, cast):
    _, prompt = ask(assign=["role:manager", "role:owner"], quorum=2, type="choice", choices=["a", "b"])
    decide(prompt, cast.bo, "submit", data=["a"])
    decide(prompt, cast.ana, "submit", data=["b"])
    assert "The answers differ" in queries.prompt_detail(prompt.pk).warnings[0]


@pytest.mark.parametrize("quorum", [0, -1, 1.5, True, "2"])
def test_a_quorum_is_a_number_of_people(dispatcher, quorum):
    from flowapp.engine import runs
    from flowapp.tenancy.actors import SYSTEM
    from tests.approvals import flows
    from tests.approvals.making import EXPENSE

    flows.OPTIONS.clear()
    flows.OPTIONS.update(quorum=quorum)
    run = runs.start("asks", EXPENSE, by=SYSTEM)
    assert (run.status, "is not a number of people" in run.error["message"]) == ("failed", True)


def test_in_the_browser(dispatcher, cast):
    _, prompt = ask(assign=ALL, quorum=2)
    client = Client()
    client.force_login(cast.bo.user)
    assert client.post(f"/inbox/{prompt.pk}/decide", {"outcome": "approve", "version": "1"}).status_code == 302
    page = client.get(f"/inbox/{prompt.pk}/")
    selected = page.context["selected"]
    assert [(vote["outcome"], vote["by"].name) for vote in selected["votes"]] == [("approve", "Bo")]
    assert ("Votes so far" in page.content.decode(), selected["can_decide"]) == (True, True)
    assert selected["rescind_url"] in page.content.decode()
    assert client.post(selected["rescind_url"]).status_code == 302
    assert votes(prompt) == []
    assert client.post(f"/inbox/{prompt.pk}/rescind").status_code == 409


def test_the_page_warns(dispatcher, cast):
    _, prompt = ask(quorum=2)
    client = Client()
    client.force_login(cast.dev.user)
    assert "2 people must answer, but only 1 of those asked may." in client.get(f"/inbox/{prompt.pk}/").content.decode()


def test_another_vote_counts_for_a_member_who_came_later(dispatcher, cast):
    run, prompt = ask(assign="role:owner", quorum=2)
    decide(prompt, cast.ana)
    decide(prompt, factories.member("Olga", Role.OWNER))
    assert run.output["by"] == "olga@example.com"
