"""Agents decide in the place of the member who answers for them, and their own runs ask no more than a cap allows."""

import pytest

from approvals import actions
from approvals.models import Prompt
from approvals.states import NotEligible, StepUpRequired
from flowapp.engine import runs
from flowapp.tenancy import actions as tenancy
from flowapp.tenancy import agents, queries
from flowapp.tenancy.actors import SYSTEM, Actor
from tests import factories
from tests.approvals import flows
from tests.approvals.making import EXPENSE, ask, decide, pending


@pytest.fixture
def triage(cast):
    """An agent of Cleo's."""
    return agents.create_agent(name="triage", owner="cleo@example.com", by=SYSTEM)


def acting(agent, *scopes: str) -> Actor:
    """The agent, by a key of its own."""
    key, _ = agents.issue_key(agent.pk, name="its key", scopes=scopes, by=SYSTEM)
    return queries.actor_for_key(key)


def test_an_agent_decides_what_is_put_to_it(dispatcher, cast, triage):
    run, prompt = ask(assign="agent:Triage")
    decision = decide(prompt, acting(triage, "approvals:decide"))
    assert run.output["by"] == "triage"
    assert (decision.by.kind, decision.outcome) == ("agent", "approve")


def test_it_needs_the_scope_and_to_be_asked(dispatcher, cast, triage):
    _, prompt = ask(assign="agent:triage")
    with pytest.raises(NotEligible, match="approvals:decide"):
        decide(prompt, acting(triage))
    _, elsewhere = ask(assign="role:manager")
    with pytest.raises(NotEligible):
        decide(elsewhere, acting(triage, "approvals:decide"))


def test_high_risk_wants_a_person(dispatcher, cast, triage):
    _, prompt = ask(assign=["agent:triage", "role:manager"], risk="high")
    with pytest.raises(StepUpRequired):
        decide(prompt, acting(triage, "approvals:decide"))


def test_one_that_nobody_knows_stops_the_run(dispatcher, cast):
    flows.OPTIONS.clear()
    flows.OPTIONS.update(assign="agent:nobody")
    run = runs.start("asks", EXPENSE, by=SYSTEM)
    assert run.status == "needs_attention"
    assert "agent:nobody" in run.error["message"]


def test_a_stopped_one_decides_nothing(dispatcher, cast, triage):
    _, prompt = ask(assign=["agent:triage", "role:manager"])
    by = acting(triage, "approvals:decide")
    agents.stop_agent(triage.pk, by=SYSTEM)
    with pytest.raises(NotEligible):
        decide(prompt, by)


def test_an_agent_and_its_owner_are_one_of_a_quorum(dispatcher, cast, triage):
    run, prompt = ask(assign=["agent:triage", "user:cleo@example.com", "user:bo@example.com"], quorum=2)
    decide(prompt, acting(triage, "approvals:decide"))
    decide(prompt, cast.cleo)
    assert run.status == "waiting"
    decide(prompt, cast.bo)
    assert run.status == "completed"


@pytest.mark.parametrize("asker", ["owner", "agent"])
def test_four_eyes_count_an_agent_and_its_owner_as_one(dispatcher, cast, triage, asker):
    agent = acting(triage, "approvals:decide")
    by, other = (factories.actor(cast.cleo), agent) if asker == "owner" else (agent, factories.actor(cast.cleo))
    run, prompt = ask(by=by, assign=["agent:triage", "user:cleo@example.com", "role:manager"], four_eyes=True)
    with pytest.raises(NotEligible):
        decide(prompt, other)
    decide(prompt, cast.bo)
    assert run.status == "completed"


def test_an_agent_decides_nothing_in_runs_it_started_by_whatever_key(dispatcher, cast, triage):
    run, prompt = ask(by=acting(triage), assign=["agent:triage", "role:manager"])
    with pytest.raises(NotEligible, match="This agent started the run"):
        decide(prompt, acting(triage, "approvals:decide"))
    assert run.status == "waiting"


def test_its_owner_stays_barred_whatever_their_address_becomes(dispatcher, cast, triage):
    _, prompt = ask(by=acting(triage), assign=["user:cleo@example.com", "role:manager"], four_eyes=True)
    cast.cleo.user.email = "cleo2@example.com"
    cast.cleo.user.save()
    actions.reassign(prompt.pk, to=["user:cleo2@example.com"], by=factories.actor(cast.bo), channel="web")
    with pytest.raises(NotEligible):
        decide(prompt, cast.cleo)


def test_an_agent_goes_with_its_owner(dispatcher, cast, triage):
    _, text = tenancy.issue_api_key(name="a key", agent=triage, by=SYSTEM)
    cast.cleo.user.is_active = False
    cast.cleo.user.save()
    assert (queries.key_for(text), agents.named("triage")) == (None, None)


def test_another_prompt_for_others_counts_an_agent_and_its_owner_as_one(dispatcher, cast, triage):
    run = runs.start("asks-twice", EXPENSE, by=SYSTEM)
    first = pending(run)
    actions.reassign(first.pk, to=["agent:triage"], by=factories.actor(cast.ana), channel="web")
    decide(first, acting(triage, "approvals:decide"))
    second = pending(run)
    actions.reassign(
        second.pk, to=["agent:triage", "user:cleo@example.com"], by=factories.actor(cast.ana), channel="web"
    )
    for who in (acting(triage, "approvals:decide"), cast.cleo):
        with pytest.raises(NotEligible, match="earlier prompt"):
            decide(second, who)


def test_who_was_not_asked_does_not_come_in_through_an_agent(dispatcher, cast):
    agents.create_agent(name="bosbot", owner="bo@example.com", by=SYSTEM)
    _, prompt = ask(assign="user:cleo@example.com")
    with pytest.raises(NotEligible):
        actions.reassign(prompt.pk, to=["agent:bosbot"], by=factories.actor(cast.bo), channel="web")


def test_its_runs_ask_no_more_than_its_cap(dispatcher, cast, triage):
    small = agents.create_agent(name="small", owner="cleo@example.com", most_open=2, by=SYSTEM)
    by = acting(small)
    first, _ = [ask(by=by, assign="role:manager")[0] for _ in range(2)]
    third = runs.start("asks", EXPENSE, by=by)
    assert third.status == "needs_attention"
    assert "'small' have 2 prompts open" in third.error["message"]
    assert Prompt.objects.filter(run_id=third.id).count() == 0
    assert ask(by=acting(triage), assign="role:manager")[0].status == "waiting"  # another's cap is its own
    decide(pending(first), cast.bo)
    third.retry()
    assert third.status == "waiting"


def test_keys_end_with_their_agent(cast, triage):
    _, text = tenancy.issue_api_key(name="a key", agent=triage, by=SYSTEM)
    assert queries.key_for(text) is not None
    agents.stop_agent(triage.pk, by=SYSTEM)
    assert queries.key_for(text) is None
