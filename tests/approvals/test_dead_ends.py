"""A question that nobody can ever decide says so: when it is opened, at a later stage, and when others left."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import actions, queries
from approvals.actions import shortage
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import absences, agents
from flowapp.tenancy import actions as tenancy
from flowapp.tenancy import queries as people
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import ApiKey, Group, Member, Role, User
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


def away(member, substitute, day=0):
    """For two days from this one on."""
    now = clock.now()
    begin, by = now + timedelta(days=day), factories.actor(member)
    until = begin + timedelta(days=2)
    absences.set_absence(member=member, starts_at=begin, ends_at=until, substitute=substitute, by=by, now=now)


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


def test_a_later_absence_leaves_it_at_when_the_first_one_ends(dispatcher, cast):
    _, prompt = ask(by=factories.actor(cast.cleo), four_eyes=True)
    away(cast.bo, cast.cleo)
    away(cast.bo, cast.cleo, day=10)
    found = []
    for _ in range(5):
        settle(dispatcher)
        found.append(len(warnings(prompt)))
        clock.shift("73h")
    assert found == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("how", ["away", "joins", "key runs out"])
def test_names_may_be_long(dispatcher, cast, how):
    """On PostgreSQL a key that is too long would undo what it is to follow."""
    from flowapp.engine.models import Timer

    group, name = factories.group("Accounts payable and month-end closing of the northern region " + "x" * 38), "a" * 63
    agent = agents.create_agent(name=name, owner="cleo@example.com", by=SYSTEM)
    tenancy.add_to_group(group=group, member=cast.bo, by=SYSTEM)
    ask(assign=[f"group:{group.name}", f"agent:{name}"])
    if how == "away":
        away(cast.bo, cast.dev)
    elif how == "joins":
        tenancy.add_to_group(group=group, member=cast.dev, by=SYSTEM)
    else:
        agents.issue_key(agent.pk, name="its key", expires_at=clock.now() + timedelta(hours=1), by=SYSTEM)
    keys = Timer.objects.filter(kind="prompt.recheck").values_list("key", flat=True)
    assert keys
    assert max(map(len, keys)) <= 100  # as long as SQLite would take any


def test_what_concerns_nobody_who_is_asked_leaves_no_timer(dispatcher, cast):
    from flowapp.engine.models import Timer

    ask(assign="role:manager")
    factories.member("Vera", Role.VIEWER)
    assert not Timer.objects.filter(kind="prompt.recheck").exists()


def test_the_same_trouble_is_told_of_once_whatever_its_numbers(dispatcher, cast):
    group, eve = Group.objects.get(name="finance"), factories.member("Eve")

    def joins(*who):
        for one in who:
            tenancy.add_to_group(group=group, member=one, by=SYSTEM)
        settle(dispatcher)

    def leaves(who):
        tenancy.remove_from_group(group=group, member=who, by=SYSTEM)
        settle(dispatcher)
        return warnings(prompt)[0].partition(".")[0], len(warned(prompt))

    joins(cast.dev, eve)
    _, prompt = ask(assign="group:finance", quorum=3)
    assert leaves(eve) == ("3 people must answer, but only 2 of those asked may", 1)
    assert leaves(cast.dev) == ("3 people must answer, but only 1 of those asked may", 1)
    joins(cast.dev, eve)
    assert warnings(prompt) == []
    assert leaves(eve) == ("3 people must answer, but only 2 of those asked may", 2)


def test_looking_again_takes_the_same_queries_for_any_number_of_people(dispatcher, cast, triage):
    """It is done with the run locked."""
    key, _ = agents.issue_key(triage.pk, name="another", by=SYSTEM)
    _, prompt = ask(by=people.actor_for_key(key), assign="role:viewer", four_eyes=True)

    def asked():
        with CaptureQueriesContext(connection) as caught:
            assert not shortage.look_again(prompt)
        return len(caught)

    one = asked()
    users = User.objects.bulk_create(User(email=f"v{number}@example.com") for number in range(50))
    Member.objects.bulk_create(Member(user=user, role=Role.VIEWER) for user in users)
    assert asked() == one
    assert one <= 6


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
