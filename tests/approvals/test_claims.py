"""Claiming: everybody sees who is looking, for 15 minutes; it keeps nobody from deciding and changes no version."""

import pytest

from approvals import actions, queries
from approvals.states import AlreadyDecided, NotEligible, NotNow, PromptCancelled, PromptNotFound
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals.making import ask, decide
from tests.browsing import signed_in

BOTH = ["role:manager", "role:owner"]


def claim(prompt, who):
    actions.claim(prompt.pk, by=factories.actor(who), channel="web")


def release(prompt, who):
    actions.release(prompt.pk, by=factories.actor(who), channel="web")


def holder(prompt):
    view = queries.prompt_detail(prompt.pk)
    return view.claimed_by and view.claimed_by.name


def test_a_claim_is_shown_in_the_row_and_the_detail(dispatcher, cast):
    _, prompt = ask(assign=BOTH)
    claim(prompt, cast.bo)
    [row] = queries.inbox(queries.targets_of(cast.ana.pk)).items
    view = queries.prompt_detail(prompt.pk)
    assert (row.claimed_by, str(view.claimed_by), view.version) == ("Bo", "bo@example.com", 1)


def test_it_ends_after_fifteen_minutes_or_begins_anew(dispatcher, cast):
    _, prompt = ask(assign=BOTH)
    claim(prompt, cast.bo)
    clock.shift("14m")
    claim(prompt, cast.bo)
    clock.shift("14m")
    assert holder(prompt) == "Bo"
    clock.shift("61s")
    assert holder(prompt) is None
    claim(prompt, cast.ana)
    assert holder(prompt) == "Ana"


def test_its_end_is_told_to_every_inbox(dispatcher, cast):
    _, prompt = ask(assign=BOTH)
    claim(prompt, cast.bo)
    clock.shift("14m")
    claim(prompt, cast.bo)
    clock.shift("2m")
    dispatcher.sweep()
    asked_at = clock.now()
    assert (holder(prompt), list(queries.changed_since(asked_at))) == ("Bo", [])
    clock.shift("14m")
    dispatcher.sweep()
    assert [pk for pk, _ in queries.changed_since(asked_at)] == [prompt.pk]
    prompt.refresh_from_db()
    assert (holder(prompt), prompt.version) == (None, 1)
    claim(prompt, cast.ana)
    release(prompt, cast.ana)
    before = clock.now()
    clock.shift("20m")
    dispatcher.sweep()
    assert list(queries.changed_since(before)) == []


def test_one_at_a_time(dispatcher, cast):
    _, prompt = ask(assign=BOTH)
    claim(prompt, cast.bo)
    with pytest.raises(NotNow, match=r"Bo has claimed it until .* You may decide it still"):
        claim(prompt, cast.ana)


def test_others_may_decide_what_somebody_claimed(dispatcher, cast):
    run, prompt = ask(assign=BOTH)
    claim(prompt, cast.bo)
    decide(prompt, cast.ana, version=1)
    assert (run.output["by"], holder(prompt)) == ("ana@example.com", None)


def test_only_those_who_may_decide_claim(dispatcher, cast):
    _, prompt = ask(assign="group:finance")
    with pytest.raises(NotEligible):
        claim(prompt, cast.dev)
    ungranted, _ = factories.api_key(cast.cleo)
    with pytest.raises(NotEligible):
        actions.claim(prompt.pk, by=tenancy.actor_for_key(ungranted), channel="api")
    claim(prompt, cast.cleo)


def test_who_may_release(dispatcher, cast):
    _, prompt = ask(assign=["group:finance", "user:dev@example.com"])
    claim(prompt, cast.cleo)
    with pytest.raises(NotEligible, match="Cleo's claim"):
        release(prompt, cast.dev)
    release(prompt, cast.bo)
    assert holder(prompt) is None
    claim(prompt, cast.cleo)
    release(prompt, cast.cleo)
    release(prompt, cast.cleo)
    verbs = AuditEntry.objects.filter(target=f"prompt:{prompt.pk}").order_by("id").values_list("verb", "actor_label")
    assert list(verbs)[1:] == [
        ("prompt.claimed", "Cleo"),
        ("prompt.released", "Bo"),
        ("prompt.claimed", "Cleo"),
        ("prompt.released", "Cleo"),
    ]


def test_what_has_ended_is_not_claimed(dispatcher, cast):
    _, prompt = ask()
    decide(prompt, cast.bo)
    with pytest.raises(AlreadyDecided):
        claim(prompt, cast.bo)
    run, cancelled = ask()
    run.cancel()
    with pytest.raises(PromptCancelled):
        claim(cancelled, cast.bo)
    with scoped(cast.globex.pk), pytest.raises(PromptNotFound):
        claim(prompt, cast.gil)


def test_in_the_browser(dispatcher, cast):
    _, prompt = ask(assign=BOTH)
    bo, ana = signed_in(cast.bo), signed_in(cast.ana)
    selected = bo.get(f"/inbox/{prompt.pk}/").context["selected"]
    assert selected["claim_url"] == f"/inbox/{prompt.pk}/claim"
    assert bo.post(selected["claim_url"]).headers["Location"] == f"/inbox/{prompt.pk}/"
    mine, theirs = (client.get(f"/inbox/{prompt.pk}/") for client in (bo, ana))
    assert (mine.context["selected"]["claim_url"], theirs.context["selected"]["claim_url"]) == (
        f"/inbox/{prompt.pk}/release",
        "",
    )
    assert "claimed by Bo" in theirs.content.decode()
    refused = ana.post(f"/inbox/{prompt.pk}/claim")
    assert (refused.status_code, "You may decide it still" in refused.content.decode()) == (409, True)
    bo.post(f"/inbox/{prompt.pk}/release")
    assert holder(prompt) is None
    assert bo.get(f"/inbox/{prompt.pk}/claim").status_code == 405
    assert signed_in(cast.gil).post(f"/inbox/{prompt.pk}/claim").status_code == 404
