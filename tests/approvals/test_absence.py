"""Prompts put to somebody who is away reach their substitute, who decides in their place."""

from datetime import timedelta

import pytest

from approvals import actions, queries
from approvals.models import Decision
from approvals.states import NotEligible
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import absences
from tests import factories
from tests.approvals.making import ask, decide


def away(member, substitute, days=5):
    now = clock.now()
    return absences.set_absence(
        member=member,
        substitute=substitute,
        starts_at=now,
        ends_at=now + timedelta(days=days),
        by=factories.actor(member),
        now=now,
    )


def inbox(member):
    return [row.ask for row in queries.inbox(queries.targets_of(member.pk)).items]


def test_b_decides_for_a(dispatcher, cast):
    run, prompt = ask(title="Pay?")
    assert inbox(cast.cleo) == []
    away(cast.bo, cast.cleo)
    assert inbox(cast.cleo) == inbox(cast.bo) == ["Pay?"]
    decide(prompt, cast.cleo)
    assert run.output["by"] == "cleo@example.com"
    decision = queries.prompt_detail(prompt.pk).decision
    assert (decision.by.name, decision.by.on_behalf_of) == ("Cleo", "bo@example.com")
    entry = AuditEntry.objects.get(verb="prompt.decided")
    assert (entry.actor_label, entry.on_behalf_of) == ("Cleo", "bo@example.com")
    assert decide(prompt, cast.cleo) == Decision.objects.get()


def test_who_is_asked_themselves_decides_for_themselves(dispatcher, cast):
    away(cast.bo, cast.cleo)
    _, prompt = ask(assign=["user:bo@example.com", "group:finance"])
    decide(prompt, cast.cleo)
    assert queries.prompt_detail(prompt.pk).decision.by.on_behalf_of == ""


def test_it_reaches_them_through_role_and_chain(dispatcher, cast):
    away(cast.bo, cast.ana)
    away(cast.ana, cast.dev)
    _, prompt = ask(assign="role:manager")
    assert inbox(cast.dev)
    decide(prompt, cast.dev)
    assert queries.prompt_detail(prompt.pk).decision.by.on_behalf_of == "bo@example.com"


def test_it_ends_with_the_absence(dispatcher, cast):
    away(cast.bo, cast.cleo, days=1)
    _, prompt = ask()
    clock.shift("25h")
    assert inbox(cast.cleo) == []
    with pytest.raises(NotEligible):
        decide(prompt, cast.cleo)


def test_who_may_not_decide_lends_nobody_the_right_to(dispatcher, cast):
    away(cast.bo, cast.cleo)
    _, prompt = ask(by=factories.actor(cast.bo), four_eyes=True, assign=["user:bo@example.com", "user:ana@example.com"])
    with pytest.raises(NotEligible):
        decide(prompt, cast.cleo)
    decide(prompt, cast.ana)


def test_two_for_one_are_two_people(dispatcher, cast):
    """A substitute who is asked as well has one vote."""
    away(cast.bo, cast.ana)
    _, prompt = ask(assign=["user:bo@example.com", "user:ana@example.com", "user:dev@example.com"], quorum=2)
    decide(prompt, cast.ana)
    assert queries.prompt_detail(prompt.pk).status == "pending"
    decide(prompt, cast.dev)
    assert queries.prompt_detail(prompt.pk).status == "decided"


def test_a_substitute_may_claim_and_pass_it_on(dispatcher, cast):
    away(cast.bo, cast.cleo)
    _, prompt = ask()
    actions.claim(prompt.pk, by=factories.actor(cast.cleo), channel="web")
    actions.reassign(prompt.pk, to=["user:dev@example.com"], by=factories.actor(cast.cleo), channel="web")
    assert "user:dev@example.com" in queries.prompt_detail(prompt.pk).assignees
    decide(prompt, cast.dev)
