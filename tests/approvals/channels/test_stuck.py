"""The news that nobody can decide a prompt: it goes to whoever can put it to others, and only while it is true."""

import pytest
from django.core import mail
from django.test import Client

from approvals import actions
from flowapp.engine import clock
from flowapp.tenancy import agents
from flowapp.tenancy.actors import SYSTEM
from tests import factories
from tests.approvals.making import ask, decide


@pytest.fixture
def triage(cast):
    """An agent of Cleo's, with a key that may decide."""
    agent = agents.create_agent(name="triage", owner="cleo@example.com", by=SYSTEM)
    agents.issue_key(agent.pk, name="its key", scopes=["approvals:decide"], by=SYSTEM)
    return agent


def test_the_administrators_are_told_once(dispatcher, cast, triage, slack, deliver):
    run, prompt = ask(assign="agent:triage", risk="high", title="Pay?")
    deliver()
    (told,) = mail.outbox
    assert (told.to, told.subject) == (["ana@example.com"], "May never be decided: Pay?")
    for part in (told.body, told.alternatives[0][0]):
        assert "Nobody who is asked may answer it" in str(part)
        assert f"/inbox/{prompt.pk}/" in str(part)
        assert "/decide/" not in str(part)
    (shown,) = slack.messages.values()
    assert "may never be decided" in shown.words
    actions.reassign(prompt.pk, to=["role:manager"], by=factories.actor(cast.ana), channel="web")
    deliver()
    assert [one.to for one in mail.outbox[1:]] == [["bo@example.com"]]
    assert ("never" in shown.words, "Somebody can decide it now." in shown.words) == (False, True)
    run.cancel()
    deliver()
    assert ("Somebody" in shown.words, "No longer asked" in shown.words) == (False, True)


@pytest.mark.parametrize("how", ["gets a key", "ends"])
def test_its_message_says_what_became_of_it(dispatcher, cast, slack, deliver, how):
    agent = agents.create_agent(name="triage", owner="cleo@example.com", by=SYSTEM)
    run, _ = ask(assign="agent:triage", title="Pay?")
    deliver()
    (shown,) = slack.messages.values()
    assert "may never be decided" in shown.words
    if how == "ends":
        run.cancel()
    else:
        agents.issue_key(agent.pk, name="its key", scopes=["approvals:decide"], by=SYSTEM)
        dispatcher.sweep()
        dispatcher.sweep()
    deliver()
    said = "No longer asked" if how == "ends" else "Somebody can decide it now."
    assert ("never" in shown.words, said in shown.words) == (False, True)


def test_one_that_came_to_an_end_meanwhile_is_nobodys_news(dispatcher, cast, deliver):
    _, prompt = ask(assign=["role:manager", "role:owner"], quorum=3)
    mail.outbox.clear()
    decide(prompt, cast.bo, "deny", reasoning="no")
    deliver()
    assert [one.subject for one in mail.outbox if "never" in one.subject] == []


def test_a_digest_lists_what_is_still_stuck(dispatcher, cast, triage, deliver):
    client = Client()
    client.force_login(cast.ana.user)
    client.post("/notifications/", {"digest_hour": "8", "zone": "UTC", "stuck.email": "daily"})
    ask(assign="agent:triage", risk="high", title="Stuck?")
    _, freed = ask(assign="agent:triage", risk="high", title="Freed?")
    deliver()
    actions.reassign(freed.pk, to=["role:manager"], by=factories.actor(cast.ana), channel="web")
    mail.outbox.clear()
    clock.shift("24h")
    dispatcher.sweep()
    deliver()
    (digest,) = [one for one in mail.outbox if one.to == ["ana@example.com"]]
    assert digest.subject == "Your day in Flowapp: 1 may never be decided"
    assert ("Stuck?" in digest.body, "Freed?" in digest.body) == (True, False)
