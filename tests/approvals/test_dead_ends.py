"""A question that nobody can ever decide says so: when it is opened, at a later stage, and when others left."""

from datetime import timedelta

import pytest
from django.test import Client

from approvals import actions, queries
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import absences, agents
from flowapp.tenancy import actions as tenancy
from flowapp.tenancy import queries as people
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import ApiKey, Group, Role
from tests import factories
from tests.approvals.making import ask

NO_KEY = "Nobody who is asked may answer it: the agent triage has no key that may decide. Ask somebody else."
FACTOR = (
    "Nobody who is asked may answer it: the agent triage cannot give the second factor it wants. Ask somebody else."
)
ITS_OWN = (
    "Nobody who is asked may answer it: the agent triage may not, because of who asked for it or answered before. "
    "Ask somebody else."
)


@pytest.fixture
def triage(cast):
    """An agent of Cleo's, with a key that may decide."""
    agent = agents.create_agent(name="triage", owner="cleo@example.com", by=SYSTEM)
    agents.issue_key(agent.pk, name="its key", scopes=["approvals:decide"], by=SYSTEM)
    return agent


def warnings(prompt):
    return queries.prompt_detail(prompt.pk).warnings


def warned(prompt):
    """What the audit log says that was noticed after the prompt was opened."""
    entries = AuditEntry.objects.filter(verb="prompt.warned", target=f"prompt:{prompt.pk}").order_by("id")
    return [entry.after["warnings"] for entry in entries]


def settle(dispatcher):
    """The sweeps in which it is found out which prompts are concerned, and those are looked at."""
    dispatcher.sweep()
    dispatcher.sweep()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"assign": "agent:Triage"}, []),
        ({"assign": "agent:triage", "risk": "high"}, [FACTOR]),
        ({"assign": "agent:triage", "step_up": True}, [FACTOR]),
        ({"assign": ["agent:triage", "user:bo@example.com"], "risk": "high"}, []),
        ({"assign": ["agent:triage", "role:admin"], "risk": "high"}, [FACTOR]),
        ({"assign": ["agent:triage", "user:bo@example.com"], "risk": "high", "quorum": 2}, ["2 people must answer"]),
        ({"stages": [{"assign": "role:manager"}, {"assign": "agent:triage"}], "risk": "high"}, [f"Stage 2: {FACTOR}"]),
    ],
)
def test_agents_that_cannot_answer_are_warned_of(dispatcher, cast, triage, options, expected):
    _, prompt = ask(**({"assign": ()} if "stages" in options else {}) | options)
    found = warnings(prompt)
    assert len(found) == len(expected)
    assert all(one.startswith(begin) for one, begin in zip(found, expected, strict=True))
    opened = AuditEntry.objects.get(verb="prompt.opened", target=f"prompt:{prompt.pk}")
    assert opened.after.get("warnings", []) == found


def test_an_agent_without_a_key_is_warned_of_until_it_has_one(dispatcher, cast):
    agent = agents.create_agent(name="triage", owner="cleo@example.com", by=SYSTEM)
    agents.issue_key(agent.pk, name="reads only", by=SYSTEM)
    _, prompt = ask(assign="agent:triage")
    assert warnings(prompt) == [NO_KEY]
    key, _ = agents.issue_key(agent.pk, name="its key", scopes=["approvals:decide"], by=SYSTEM)
    settle(dispatcher)
    assert warnings(prompt) == []
    tenancy.revoke_api_key(key=key, by=SYSTEM)
    settle(dispatcher)
    assert (warnings(prompt), warned(prompt)) == ([NO_KEY], [[NO_KEY]])


def test_a_key_that_runs_out_is_warned_of(dispatcher, cast):
    agent = agents.create_agent(name="triage", owner="cleo@example.com", by=SYSTEM)
    ends = clock.now() + timedelta(hours=1)
    agents.issue_key(agent.pk, name="its key", scopes=["approvals:decide"], expires_at=ends, by=SYSTEM)
    _, prompt = ask(assign="agent:triage")
    settle(dispatcher)
    assert warnings(prompt) == []
    ApiKey.objects.update(expires_at=clock.now() - timedelta(hours=1))  # tenancy goes by the machine's clock
    clock.shift("61m")
    settle(dispatcher)
    assert warnings(prompt) == [NO_KEY]


def test_an_agents_own_request_is_warned_of(dispatcher, cast, triage):
    key, _ = agents.issue_key(triage.pk, name="another", by=SYSTEM)
    _, prompt = ask(by=people.actor_for_key(key), assign="agent:triage")
    assert warnings(prompt) == [ITS_OWN]


def test_one_that_is_stopped_while_it_is_asked_is_warned_of(dispatcher, cast, triage):
    _, prompt = ask(assign="agent:triage")
    agents.stop_agent(triage.pk, by=SYSTEM)
    settle(dispatcher)
    expected = ["Nobody who is asked may answer it: there is no agent triage any more. Ask somebody else."]
    assert (warnings(prompt), warned(prompt)) == (expected, [expected])
    actions.reassign(prompt.pk, to=["role:manager"], by=factories.actor(cast.ana), channel="web")
    assert warnings(prompt) == []


@pytest.mark.parametrize("gone", ["group", "role"])
def test_people_who_leave_are_warned_of_and_whoever_comes_ends_that(dispatcher, cast, gone):
    _, prompt = ask(assign="group:finance" if gone == "group" else "role:manager")
    if gone == "group":
        tenancy.remove_from_group(group=Group.objects.get(name="finance"), member=cast.cleo, by=SYSTEM)
    else:
        tenancy.set_role(member=cast.bo, role=Role.VIEWER, by=SYSTEM)
    settle(dispatcher)
    assert warnings(prompt) == ["Nobody who is asked may answer it. Ask somebody else."]
    if gone == "group":
        tenancy.add_to_group(group=Group.objects.get(name="finance"), member=cast.dev, by=SYSTEM)
    else:
        factories.member("Mia", Role.MANAGER)
    settle(dispatcher)
    assert warnings(prompt) == []


def away(member, substitute):
    now = clock.now()
    by, until = factories.actor(member), now + timedelta(days=2)
    absences.set_absence(member=member, starts_at=now, ends_at=until, substitute=substitute, by=by, now=now)


def test_an_absence_in_which_nobody_may_stand_in_is_warned_of_while_it_lasts(dispatcher, cast):
    by = factories.actor(cast.cleo)
    _, before = ask(by=by, four_eyes=True)
    _, beside = ask(by=by, four_eyes=True, assign=["user:bo@example.com", "role:owner"])
    away(cast.bo, cast.cleo)
    settle(dispatcher)
    _, after = ask(by=by, four_eyes=True)
    _, others = ask(four_eyes=True)
    [warning] = warnings(before)
    assert warning.startswith("Everybody who may answer it is away until ")
    assert (warnings(after), warnings(beside), warnings(others)) == ([warning], [], [])
    clock.shift("3d")
    settle(dispatcher)
    assert warnings(before) == warnings(after) == []


def test_what_concerns_nobody_who_is_asked_leaves_no_timer(dispatcher, cast):
    from flowapp.engine.models import Timer

    ask(assign="role:manager")
    factories.member("Vera", Role.VIEWER)
    assert not Timer.objects.filter(kind="prompt.recheck").exists()


def test_a_reminder_looks_again(dispatcher, cast):
    _, prompt = ask(assign="role:manager", remind="1h")
    cast.bo.user.is_active = False
    cast.bo.user.save()
    clock.shift("61m")
    settle(dispatcher)
    assert warnings(prompt) == ["Nobody who is asked may answer it. Ask somebody else."]


def test_the_page_and_rest_say_it(dispatcher, cast, triage):
    _, prompt = ask(assign="agent:triage", risk="high")
    client = Client()
    client.force_login(cast.dev.user)
    assert "cannot give the second factor" in client.get(f"/inbox/{prompt.pk}/").content.decode()
    assert client.get(f"/v1/prompts/{prompt.pk}").json()["warnings"] == [FACTOR]
