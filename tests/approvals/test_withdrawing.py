"""Whoever asked for something takes it back: nobody has to answer any more, and the run is cancelled."""

import pytest
from django.test import Client

from approvals import actions, queries
from approvals.states import AlreadyDecided, NotEligible, PromptCancelled
from flowapp.audit.models import AuditEntry
from flowapp.engine import runs
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import SYSTEM
from tests import factories
from tests.approvals import making
from tests.approvals.making import ask, decide


def withdraw(prompt, member, **more):
    actions.withdraw(prompt.pk, by=factories.actor(member), channel="web", **more)


def test_the_requester_takes_it_back(dispatcher, cast):
    run, prompt = ask(by=factories.actor(cast.dev))
    withdraw(prompt, cast.dev, reason="Bought it myself.")
    assert (run.status, queries.prompt_detail(prompt.pk).status) == ("cancelled", "cancelled")
    entry = AuditEntry.objects.get(verb="prompt.withdrawn")
    assert (entry.actor_label, entry.reason, entry.channel) == ("Dev", "Bought it myself.", "web")
    with pytest.raises(PromptCancelled):
        decide(prompt, cast.bo)
    with pytest.raises(PromptCancelled):
        withdraw(prompt, cast.dev)


def test_nobody_else_does(dispatcher, cast):
    run, prompt = ask(by=factories.actor(cast.dev))
    with pytest.raises(NotEligible):
        withdraw(prompt, cast.bo)
    assert run.status == "waiting"
    _, nobodys = ask(by=SYSTEM)
    with pytest.raises(NotEligible):
        withdraw(nobodys, cast.dev)


def test_through_a_key_of_theirs(dispatcher, cast):
    key, _ = factories.api_key(cast.dev)
    run, prompt = ask(by=factories.actor(cast.dev))
    actions.withdraw(prompt.pk, by=tenancy.actor_for(cast.dev, key), channel="api")
    assert run.status == "cancelled"


def test_too_late(dispatcher, cast):
    run, prompt = ask(by=factories.actor(cast.dev))
    decide(prompt, cast.bo)
    with pytest.raises(AlreadyDecided):
        withdraw(prompt, cast.dev)
    assert run.status == "completed"


def test_in_the_browser(dispatcher, cast):
    run, prompt = ask(by=factories.actor(cast.dev))
    client, other = Client(), Client()
    client.force_login(cast.dev.user)
    other.force_login(cast.bo.user)
    path = f"/inbox/{prompt.pk}/withdraw"
    assert path in client.get(f"/inbox/{prompt.pk}/").content.decode()
    assert path not in other.get(f"/inbox/{prompt.pk}/").content.decode()
    assert other.post(path).status_code == 403
    page = client.post(path, {"reason": "Not needed <b>"}, follow=True).content.decode()
    assert run.status == "cancelled"
    assert "Withdrawn by Dev" in page
    assert "Not needed &lt;b&gt;" in page


def test_another_prompt_may_want_others_than_all_who_answered(dispatcher, cast):
    run = runs.start("asks-many-then-one", making.EXPENSE, by=SYSTEM)
    first = making.pending(run)
    for member in (cast.bo, cast.ana):
        decide(first, member)
    second = making.pending(run)
    for member in (cast.bo, cast.ana):
        with pytest.raises(NotEligible, match="answered an earlier prompt"):
            decide(second, member)
    decide(second, cast.dev)
    assert run.output == "dev@example.com"
