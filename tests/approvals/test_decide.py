"""decide(): once, by somebody eligible, on what was read; every refusal is noted."""

import pytest

from approvals import actions
from approvals.models import Decision
from approvals.states import (
    AlreadyDecided,
    Expired,
    InvalidDecision,
    NotEligible,
    PromptCancelled,
    PromptNotFound,
    StaleVersion,
    StepUpRequired,
)
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals.making import ask, decide


def refused(prompt):
    entries = AuditEntry.objects.filter(verb="prompt.decision-refused", target=f"prompt:{prompt.pk}").order_by("id")
    return [(entry.actor_label, entry.after["refused"]) for entry in entries]


def test_the_second_is_told_who_was_first(dispatcher, cast):
    run, prompt = ask(assign=["user:bo@example.com", "user:ana@example.com"])
    first = decide(prompt, cast.bo, "deny", reasoning="no budget")
    with pytest.raises(AlreadyDecided) as caught:
        decide(prompt, cast.ana)
    won = caught.value.decision
    assert (won.outcome, won.reasoning, str(won.by), won.at) == ("deny", "no budget", "bo@example.com", first.at)
    assert won.as_json()["by"] == {"kind": "person", "name": "Bo", "email": "bo@example.com", "on_behalf_of": ""}
    assert refused(prompt) == [("Ana", "AlreadyDecided")]
    assert run.output["outcome"] == "deny"


def test_the_same_again_is_no_error(dispatcher, cast):
    _, prompt = ask(type="edit")
    first = decide(prompt, cast.bo, data={"employee": "A", "amount": "1.00"}, version=1)
    again = decide(prompt, cast.bo, data={"employee": "A", "amount": "1.00"}, version=1, channel="api")
    assert again == first
    assert Decision.objects.count() == 1
    assert refused(prompt) == []
    for other in ({"outcome": "deny"}, {"data": {"employee": "A", "amount": "2.00"}}):
        with pytest.raises(AlreadyDecided):
            decide(prompt, cast.bo, **other)


def test_only_those_asked_decide(dispatcher, cast):
    _, prompt = ask(assign="group:finance")
    for somebody in (cast.ana, cast.bo, cast.dev):
        with pytest.raises(NotEligible):
            decide(prompt, somebody)
    decide(prompt, cast.cleo)
    assert refused(prompt) == [("Ana", "NotEligible"), ("Bo", "NotEligible"), ("Dev", "NotEligible")]


def test_four_eyes(dispatcher, cast):
    _, prompt = ask(by=factories.actor(cast.bo), assign=["role:manager", "role:owner"], four_eyes=True)
    with pytest.raises(NotEligible, match="four eyes"):
        decide(prompt, cast.bo)
    decide(prompt, cast.ana)


def test_keys(dispatcher, cast):
    plain, _ = factories.api_key(cast.bo)
    granted, _ = factories.api_key(cast.bo, "approvals:decide")
    by_plain, by_granted = tenancy.actor_for_key(plain), tenancy.actor_for_key(granted)
    _, prompt = ask()
    with pytest.raises(NotEligible, match="approvals:decide"):
        decide(prompt, by_plain)
    decide(prompt, by_granted)
    _, own = ask(by=by_granted)
    with pytest.raises(NotEligible, match="started the run"):
        decide(own, by_granted)
    decide(own, cast.bo)
    _, risky = ask(risk="high")
    with pytest.raises(StepUpRequired):
        decide(risky, by_granted)
    decide(risky, cast.bo, second_factor_at=clock.now())


def test_a_role_taken_away_counts_at_once(dispatcher, cast):
    from flowapp.tenancy import actions as people
    from flowapp.tenancy.actors import SYSTEM
    from flowapp.tenancy.models import Role

    _, prompt = ask(assign="role:manager")
    people.set_role(member=cast.bo, role=Role.VIEWER, by=SYSTEM)
    with pytest.raises(NotEligible):
        decide(prompt, cast.bo)


def test_a_stale_version_is_refused(dispatcher, cast):
    _, prompt = ask()
    with pytest.raises(StaleVersion, match="current version is 1"):
        decide(prompt, cast.bo, version=2)
    decide(prompt, cast.bo, version=1)


@pytest.mark.parametrize("answer", [{"outcome": "maybe"}, {"data": {}}, {"outcome": "deny", "reasoning": "x" * 10_001}])
def test_what_does_not_fit_leaves_the_prompt_open(dispatcher, cast, answer):
    run, prompt = ask()
    with pytest.raises(InvalidDecision):
        decide(prompt, cast.bo, **answer)
    prompt.refresh_from_db()
    assert (prompt.status, run.status, refused(prompt)) == ("pending", "waiting", [])


def test_late_decisions_are_refused_and_noted(dispatcher, cast):
    _, prompt = ask(timeout="1h")
    clock.shift("61m")
    dispatcher.sweep()
    with pytest.raises(Expired):
        decide(prompt, cast.bo)
    run, cancelled = ask()
    run.cancel()
    with pytest.raises(PromptCancelled):
        decide(cancelled, cast.bo)
    assert refused(prompt) + refused(cancelled) == [("Bo", "Expired"), ("Bo", "PromptCancelled")]


def test_another_workspaces_prompt_does_not_exist(dispatcher, cast):
    _, prompt = ask()
    with scoped(cast.globex.pk), pytest.raises(PromptNotFound):
        decide(prompt, cast.gil)
    with pytest.raises(PromptNotFound):
        actions.decide(uuid7(), by=factories.actor(cast.bo), outcome="approve", channel="web")


def test_a_member_of_elsewhere_is_nobody_here(dispatcher, cast):
    _, prompt = ask(assign="role:owner")
    with pytest.raises(NotEligible):
        decide(prompt, cast.gil)


def test_a_workspaces_key_decides_nothing(dispatcher, cast):
    key, _ = factories.api_key(None, "approvals:decide")
    _, prompt = ask(assign="role:owner")
    with pytest.raises(NotEligible, match="key of a person"):
        decide(prompt, tenancy.actor_for_key(key))


def test_an_agent_not_asked(dispatcher, cast):
    _, prompt = ask()
    with pytest.raises(NotEligible):
        decide(prompt, Actor("agent", "atlas", "Atlas", on_behalf_of="bo@example.com"))
