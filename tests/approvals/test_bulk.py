"""Several prompts at once: each through the one way to decide, each with a result of its own."""

import json

import pytest

from approvals import actions, queries
from approvals.actions import bulk
from approvals.models import Decision, Prompt
from approvals.states import InvalidDecision
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from tests import factories
from tests.approvals import flows
from tests.approvals.making import ask, decide
from tests.browsing import signed_in, text

HTMX = {"HX-Request": "true", "HX-Target": "detail"}


def many(prompts, who, outcome="approve", **more):
    chosen = {prompt.pk: prompt.version for prompt in prompts}
    return actions.decide_many(chosen, by=factories.actor(who), outcome=outcome, channel="web", **more)


@pytest.fixture
def mixed(dispatcher, cast):
    """One prompt for each thing that can become of it, and the time at which they are decided together."""
    expiring = ask(title="expires", timeout="1h")[1]
    clock.shift("2h")
    dispatcher.sweep()
    decided = ask(title="was decided", assign=["role:manager", "role:owner"])[1]
    decide(decided, cast.ana, "deny", reasoning="no")
    return {
        "decided": ask(title="plain")[1],
        "voted": ask(title="wants two", assign="role:manager", quorum=2)[1],
        "already-decided": decided,
        "not-eligible": ask(title="somebody else's", assign="user:ana@example.com")[1],
        "needs-form": ask(title="a form", type="form", form=flows.Address)[1],
        "high-risk": ask(title="risky", risk="high")[1],
        "expired": expiring,
        "invalid": ask(title="other answers", outcomes=["pay", "wait"])[1],
    }


def test_each_has_its_own_result(mixed, cast):
    results = many(mixed.values(), cast.bo)
    assert [(one.result, one.title) for one in results] == [(came, prompt.title) for came, prompt in mixed.items()]
    assert [one.taken for one in results] == [True, True, *[False] * 6]
    by_came = {one.result: one for one in results}
    assert by_came["already-decided"].decision.by.email == "ana@example.com"
    assert "deny by ana@example.com" in by_came["already-decided"].detail
    assert "one by one" in by_came["high-risk"].detail
    assert "is not an outcome" in by_came["invalid"].detail
    assert set(Prompt.objects.filter(status="pending").values_list("title", flat=True)) == {
        *("wants two", "somebody else's", "a form", "risky", "other answers")
    }


def test_what_is_of_high_risk_is_refused_whatever_the_answer_and_noted(dispatcher, cast):
    prompts = [ask(risk="high")[1], ask(step_up=True)[1]]
    assert [row.together for row in queries.rows_of([prompt.pk for prompt in prompts])] == [False, False]
    for outcome in ("approve", "deny"):
        assert {one.result for one in many(prompts, cast.bo, outcome, reasoning="no")} == {"high-risk"}
    assert Decision.objects.count() == 0
    assert AuditEntry.objects.filter(verb="prompt.decision-refused").count() == 4


def test_a_form_can_be_denied_with_others(dispatcher, cast):
    run, prompt = ask(type="form", form=flows.Address, outcomes=["submit", "deny"])
    assert [one.result for one in many([prompt], cast.bo, "deny", reasoning="no")] == ["decided"]
    assert run.output["outcome"] == "deny"


def test_another_workspaces_prompts_are_not_there(dispatcher, cast):
    _, prompt = ask()
    from flowapp.tenancy.scope import scoped

    with scoped(cast.globex.pk):
        assert [one.result for one in many([prompt], cast.gil)] == ["not-found"]


def test_what_changed_meanwhile_is_said(dispatcher, cast):
    _, prompt = ask()
    prompt.version = 7
    assert [one.result for one in many([prompt], cast.bo)] == ["stale-version"]


def test_the_same_again_is_the_same_answer(dispatcher, cast):
    prompts = [ask()[1] for _ in range(3)]
    for _ in range(2):
        assert [one.result for one in many(prompts, cast.bo)] == ["decided"] * 3
    assert Decision.objects.count() == 3


def test_there_is_a_bound(dispatcher, cast, monkeypatch):
    prompts = [ask()[1] for _ in range(2)]
    monkeypatch.setattr(bulk, "MOST", 1)
    with pytest.raises(InvalidDecision, match="choose 1 to 1"):
        many(prompts, cast.bo)
    with pytest.raises(InvalidDecision):
        many([], cast.bo)


def test_as_plain_forms(mixed, cast):
    client = signed_in(cast.bo)
    page = client.get("/inbox/")
    assert page.content.count(b'form="bulk"') == 5
    chosen = [f"{prompt.pk}:{prompt.version}" for came, prompt in mixed.items() if came in ("decided", "high-risk")]
    shown = client.post("/inbox/bulk", {"prompt": chosen})
    assert "Decide 1 prompt together" in text(shown)
    assert "High risk: decide it by itself" in text(shown)
    assert [one["value"] for one in shown.context["bulk"]["outcomes"]] == ["approve", "deny"]
    refused = client.post("/inbox/bulk", {"prompt": chosen, "confirmed": "1", "outcome": "deny"})
    assert (refused.status_code, "Say why" in text(refused)) == (422, True)
    told = client.post("/inbox/bulk", {"prompt": chosen, "confirmed": "1", "outcome": "deny", "reasoning": "too dear"})
    assert "1 of 2 decided" in text(told)
    assert Decision.objects.get(prompt=mixed["decided"]).reasoning == "too dear"


def test_with_htmx_only_the_detail_is_answered(dispatcher, cast):
    _, prompt = ask(title="Pay?")
    posted = {"prompt": f"{prompt.pk}:1", "outcome": "approve"}
    answer = signed_in(cast.bo).post("/inbox/bulk", posted, headers=HTMX)
    assert ("<html" in text(answer), "Approve 1 prompt together" in text(answer)) == (False, True)


@pytest.mark.parametrize("posted", [{"prompt": "x"}, {"prompt": "x:1"}, {"prompt": "00000000-0000-7000-8000-0:y"}])
def test_bad_input_is_refused_by_name(cast, posted):
    answer = signed_in(cast.bo).post("/inbox/bulk", posted, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["prompt"])


def test_keys_are_the_same_alone_and_for_many(dispatcher, cast):
    wipe = {"outcomes": {"wipe": {"label": "Wipe it", "tone": "danger"}, "keep": ""}}
    client = signed_in(cast.bo)
    for options, keys in (({"type": "confirm"}, {"yes": "a", "no": "d"}), (wipe, {"wipe": "d"})):
        _, prompt = ask(**options)
        alone = client.get(f"/inbox/{prompt.pk}/").context["selected"]["outcomes"]
        assert {one["value"]: one["key"] for one in alone if one["key"]} == keys
        [row] = queries.rows_of([prompt.pk])
        assert {one["value"]: one["key"] for one in json.loads(row.offered) if one["key"]} == keys
    shown = client.post("/inbox/bulk", {"prompt": f"{prompt.pk}:1"})
    assert [(one["label"], one["tone"]) for one in shown.context["bulk"]["outcomes"]] == [
        ("Wipe it", "danger"),
        ("Keep", ""),
    ]


def test_an_answer_named_in_several_ways_has_the_same_words_on_the_page_and_in_its_script(dispatcher, cast):
    asked = [ask(outcomes={"pay_NOW": label, "deny": "Deny…"})[1] for label in ("Pay", "Pay it")]
    page = signed_in(cast.bo).post("/inbox/bulk", {"prompt": [f"{one.pk}:1" for one in asked]})
    assert [one["label"] for one in page.context["bulk"]["outcomes"]] == ["Pay now", "Deny"]
    for row in queries.rows_of([one.pk for one in asked]):
        assert [one["words"] for one in json.loads(row.offered)] == ["Pay now", "Deny…"]


def test_nothing_chosen_says_so(cast):
    answer = signed_in(cast.bo).post("/inbox/bulk", {})
    assert (answer.status_code, "Nothing chosen" in text(answer)) == (200, True)
