"""Putting a prompt to others: who may, whom it reaches, what it leaves as it is; and reminders."""

from datetime import timedelta

import pytest
from django.test import Client

from approvals import actions, queries
from approvals.models import Assignment
from approvals.states import AlreadyDecided, InvalidDecision, NotEligible, NotNow, PromptNotFound
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock
from flowapp.tenancy import absences, agents
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals.making import ask, decide


def reassign(prompt, who, *to, **more):
    actions.reassign(prompt.pk, to=to, by=factories.actor(who), channel="web", **more)


def view(prompt):
    return queries.prompt_detail(prompt.pk)


def inbox(member):
    return [row.id for row in queries.inbox(queries.targets_of(member.pk)).items]


def test_a_manager_replaces_whom_it_asks(dispatcher, cast):
    run, prompt = ask(assign=["group:finance", "role:owner"])
    reassign(prompt, cast.bo, "user:dev@example.com", reason="Cleo is away")
    assert (view(prompt).assignees, view(prompt).version) == (["user:dev@example.com"], 1)
    assert (inbox(cast.cleo), inbox(cast.ana), inbox(cast.dev)) == ([], [], [prompt.pk])
    with pytest.raises(NotEligible):
        decide(prompt, cast.cleo)
    decide(prompt, cast.dev, version=1)
    assert run.output["by"] == "dev@example.com"
    entry = AuditEntry.objects.get(verb="prompt.reassigned")
    assert (entry.actor_label, entry.before, entry.after, entry.reason) == (
        "Bo",
        {"assign": ["group:finance", "role:owner"]},
        {"assign": ["user:dev@example.com"]},
        "Cleo is away",
    )


def test_a_manager_who_has_voted_does_not_choose_the_second_voter(dispatcher, cast):
    agent = agents.create_agent(name="buyer", owner="bo@example.com", by=SYSTEM)
    key, _ = agents.issue_key(agent.pk, name="its key", scopes=["approvals:decide"], by=SYSTEM)
    run, prompt = ask(assign=["user:bo@example.com", "group:finance", "agent:buyer"], quorum=2)
    decide(prompt, cast.bo)
    with pytest.raises(NotNow, match="Take your answer back first"):
        reassign(prompt, cast.bo, "user:bo@example.com", "user:dev@example.com")
    assert view(prompt).assignees == ["agent:buyer", "group:finance", "user:bo@example.com"]
    actions.rescind(prompt.pk, by=factories.actor(cast.bo), channel="web")
    for own in ("user:bo@example.com", "agent:buyer"):
        with pytest.raises(InvalidDecision, match="leave yourself and your agents out"):
            reassign(prompt, cast.bo, own, "user:dev@example.com")
    decide(prompt, tenancy.actor_for_key(key), channel="api")
    with pytest.raises(NotNow):
        reassign(prompt, cast.bo, "user:dev@example.com")
    reassign(prompt, cast.ana, "user:dev@example.com")  # whoever has no answer in it chooses freely
    decide(prompt, cast.dev)
    assert run.output["by"] == "dev@example.com"


BO = {"assign": "role:manager"}
TWO = {**BO, "quorum": 2}


@pytest.mark.parametrize("voted", [False, True], ids=["before voting", "after taking it back"])
@pytest.mark.parametrize(
    "options",
    [
        {"assign": ["role:manager", "group:finance"], "quorum": 2},
        {"assign": (), "stages": [[TWO, {"assign": "group:finance"}]]},
        {"assign": (), "stages": [TWO, BO]},
    ],
    ids=["quorum", "side by side", "stages"],
)
def test_whoever_chose_the_others_is_none_of_them(dispatcher, cast, options, voted):
    _, prompt = ask(**options)
    if voted:
        decide(prompt, cast.bo)
        actions.rescind(prompt.pk, by=factories.actor(cast.bo), channel="web")
    reassign(prompt, cast.bo, "role:manager", "user:dev@example.com")
    with pytest.raises(NotEligible, match="you chose who is asked"):
        decide(prompt, cast.bo)
    decide(prompt, cast.dev)
    assert view(prompt).status == "pending"
    with pytest.raises(NotEligible, match="you chose who is asked"):
        decide(prompt, cast.bo)


def test_nor_are_their_agent_and_who_stands_in_for_them_and_a_place_given_back_is_none(dispatcher, cast):
    agent = agents.create_agent(name="buyer", owner="bo@example.com", by=SYSTEM)
    key, _ = agents.issue_key(agent.pk, name="its key", scopes=["approvals:decide"], by=SYSTEM)
    _, prompt = ask(assign=["group:finance", "role:viewer"], quorum=2)
    reassign(prompt, cast.bo, "user:dev@example.com", "user:cleo@example.com")
    reassign(prompt, cast.dev, "user:bo@example.com")
    reassign(prompt, cast.cleo, "agent:buyer")
    now, by = clock.now(), factories.actor(cast.bo)
    until = now + timedelta(days=1)
    absences.set_absence(member=cast.bo, substitute=cast.dev, starts_at=now, ends_at=until, by=by, now=now)
    for who in (cast.bo, cast.dev, tenancy.actor_for_key(key)):
        with pytest.raises(NotEligible):
            decide(prompt, who)
    reassign(prompt, cast.bo, "role:owner", "role:viewer")  # they may choose again
    decide(prompt, cast.dev)


def test_they_are_none_in_a_later_stage_either(dispatcher, cast):
    _, prompt = ask(assign=(), stages=[{"assign": "group:finance"}, BO])
    reassign(prompt, cast.bo, "user:dev@example.com")
    assert view(prompt).warnings == ["Stage 2: Nobody who is asked may answer it. Ask somebody else."]
    decide(prompt, cast.dev)
    with pytest.raises(NotEligible, match="you chose who is asked"):
        decide(prompt, cast.bo)


def test_whoever_answered_an_earlier_stage_does_not_choose_who_agrees_in_a_later_one(dispatcher, cast):
    _, prompt = ask(assign=(), stages=[BO, {"assign": "role:owner"}])
    decide(prompt, cast.bo)
    with pytest.raises(NotNow, match=r"not yours to say\. Let another manager"):
        reassign(prompt, cast.bo, "user:dev@example.com")


def test_where_one_answer_is_enough_they_may_give_it(dispatcher, cast):
    _, prompt = ask()
    reassign(prompt, cast.bo, "user:bo@example.com", "user:dev@example.com")
    decide(prompt, cast.bo)
    assert view(prompt).status == "decided"


def test_an_assignee_gives_their_own_place_away(dispatcher, cast):
    _, prompt = ask(assign=["user:cleo@example.com", "role:owner"])
    reassign(prompt, cast.cleo, "user:dev@example.com")
    assert view(prompt).assignees == ["role:owner", "user:dev@example.com"]
    assert AuditEntry.objects.get(verb="prompt.delegated").actor_label == "Cleo"
    with pytest.raises(NotEligible):
        decide(prompt, cast.cleo)


def test_one_of_a_group_adds_somebody_to_it(dispatcher, cast):
    _, prompt = ask(assign="group:finance")
    reassign(prompt, cast.cleo, "user:dev@example.com")
    assert view(prompt).assignees == ["group:finance", "user:dev@example.com"]


def test_others_may_not(dispatcher, cast):
    _, prompt = ask(assign="role:owner")
    for who in (cast.cleo, cast.dev):
        with pytest.raises(NotEligible, match="Only those asked, or a manager"):
            reassign(prompt, who, "user:bo@example.com")
    with scoped(cast.globex.pk), pytest.raises(PromptNotFound):
        reassign(prompt, cast.gil, "user:gil@example.com")


@pytest.mark.parametrize("to", ["user:bo@example.com", "role:manager"])
def test_nobody_puts_to_themselves_what_they_were_not_asked(dispatcher, cast, to):
    _, prompt = ask(assign="group:finance")
    with pytest.raises(NotEligible, match="you cannot put it to yourself"):
        reassign(prompt, cast.bo, "user:dev@example.com", to)
    assert view(prompt).assignees == ["group:finance"]


def test_with_four_eyes_the_requester_moves_it_nowhere(dispatcher, cast):
    _, prompt = ask(by=factories.actor(cast.bo), assign="group:finance", four_eyes=True)
    with pytest.raises(NotEligible, match="four eyes"):
        reassign(prompt, cast.bo, "user:dev@example.com")
    _, asked = ask(by=factories.actor(cast.bo), assign="role:manager", four_eyes=True)
    with pytest.raises(NotEligible):
        reassign(asked, cast.bo, "user:dev@example.com")


def test_keys(dispatcher, cast):
    plain, _ = factories.api_key(cast.bo)
    granted, _ = factories.api_key(cast.bo, "approvals:decide")
    workspace, _ = factories.api_key(None, "approvals:decide")
    by_granted = tenancy.actor_for_key(granted)
    _, prompt = ask(assign="group:finance")
    _, own = ask(by=by_granted, assign="group:finance")
    for refused, key in ((prompt, plain), (prompt, workspace), (own, granted)):
        with pytest.raises(NotEligible):
            actions.reassign(refused.pk, to=["role:viewer"], by=tenancy.actor_for_key(key), channel="api")
    actions.reassign(prompt.pk, to=["role:viewer"], by=by_granted, channel="api")
    assert view(prompt).assignees == ["role:viewer"]


@pytest.mark.parametrize(
    "to", [[], ["user:nobody@example.com"], ["group:nowhere"], ["dev"], ["role:admin"], ["agent:x"]]
)
def test_nobody_to_put_it_to_leaves_it_as_it_is(dispatcher, cast, to):
    _, prompt = ask()
    with pytest.raises(InvalidDecision) as caught:
        reassign(prompt, cast.bo, *to)
    assert caught.value.errors[0]["field"] == "assign"
    assert view(prompt).assignees == ["user:bo@example.com"]


def test_it_is_pooled_unclaimed_and_enough_people_are_counted_anew(dispatcher, cast):
    _, prompt = ask(assign=["user:bo@example.com", "user:ana@example.com"], quorum=2)
    actions.claim(prompt.pk, by=factories.actor(cast.bo), channel="web")
    decide(prompt, cast.ana)
    reassign(prompt, factories.member("Olga", Role.ADMIN), "role:manager")
    prompt.refresh_from_db()
    assert (prompt.pooled, view(prompt).claimed_by, len(view(prompt).votes)) == (True, None, 1)
    assert view(prompt).warnings == []  # Ana's vote stands, and Bo may join it
    decide(prompt, cast.bo)
    assert view(prompt).status == "decided"


def test_without_a_vote_that_stands_there_are_too_few(dispatcher, cast):
    _, prompt = ask(assign=["user:bo@example.com", "user:ana@example.com"], quorum=2)
    few = ["2 people must answer, but only 1 of those asked may. Ask more people, or lower the quorum."]
    olga = factories.member("Olga", Role.ADMIN)
    reassign(prompt, olga, "role:manager")
    assert view(prompt).warnings == few
    reassign(prompt, olga, "role:manager", "group:finance")
    assert view(prompt).warnings == []
    decide(prompt, cast.cleo)
    reassign(prompt, olga, "role:manager")
    assert view(prompt).warnings == []
    actions.rescind(prompt.pk, by=factories.actor(cast.cleo), channel="web")
    assert view(prompt).warnings == few


def test_only_the_present_stage_is_put_to_others(dispatcher, cast):
    _, prompt = ask(assign=(), stages=[{"assign": "role:manager"}, {"assign": "role:owner"}])
    reassign(prompt, cast.bo, "role:viewer")
    decide(prompt, cast.dev)
    assert view(prompt).assignees == ["role:owner"]


def test_what_has_ended_stays_with_whom_it_was(dispatcher, cast):
    _, prompt = ask()
    decide(prompt, cast.bo)
    with pytest.raises(AlreadyDecided):
        reassign(prompt, cast.bo, "role:viewer")
    assert Assignment.objects.get().target == "user:bo@example.com"


def test_escalation_goes_on_from_those_asked_now(dispatcher, cast):
    _, prompt = ask(timeout="2h", escalate=[("1h", "role:owner")])
    reassign(prompt, cast.bo, "group:finance")
    clock.shift("61m")
    dispatcher.sweep()
    assert view(prompt).assignees == ["group:finance", "role:owner"]


def test_in_the_browser(dispatcher, cast):
    _, prompt = ask()
    bo, dev = Client(), Client()
    bo.force_login(cast.bo.user)
    dev.force_login(cast.dev.user)
    page = f"/inbox/{prompt.pk}/"
    assert "Ask somebody else" in bo.get(page).content.decode()
    assert "Ask somebody else" not in dev.get(page).content.decode()
    refused = bo.post(f"{page}reassign", {"assign": "user:nobody@example.com"})
    assert (refused.status_code, "does not exist here" in refused.content.decode()) == (422, True)
    assert bo.post(f"{page}reassign", {"assign": ""}).status_code == 422
    assert dev.post(f"{page}reassign", {"assign": "user:dev@example.com"}).status_code == 403
    answer = bo.post(f"{page}reassign", {"assign": "user:dev@example.com, group:finance", "reason": "away"})
    assert (answer.status_code, view(prompt).assignees) == (302, ["group:finance", "user:dev@example.com"])


def test_names_with_spaces_are_whole(dispatcher, cast):
    factories.group("Accounts payable", cast.dev)
    _, prompt = ask()
    client = Client()
    client.force_login(cast.bo.user)
    client.post(f"/inbox/{prompt.pk}/reassign", {"assign": "group:Accounts payable user:ana@example.com"})
    assert view(prompt).assignees == ["group:Accounts payable", "user:ana@example.com"]


def reminders(prompt):
    return [entry.after["assign"] for entry in AuditEntry.objects.filter(verb="prompt.reminded").order_by("id")]


def test_reminders_go_on_until_somebody_decides(dispatcher, cast):
    _, prompt = ask(remind="4h")
    clock.shift("3h")
    dispatcher.sweep()
    assert reminders(prompt) == []
    for number in (1, 2):
        clock.shift("4h")
        dispatcher.sweep()
        assert reminders(prompt) == [["user:bo@example.com"]] * number
    assert (view(prompt).version, view(prompt).status) == (1, "pending")
    decide(prompt, cast.bo)
    clock.shift("9h")
    dispatcher.sweep()
    assert len(reminders(prompt)) == 2


def test_another_stage_has_its_reminders_from_its_beginning(dispatcher, cast):
    _, prompt = ask(assign=(), stages=[{"assign": "role:manager"}, {"assign": "role:owner"}], remind="4h")
    clock.shift("3h")
    decide(prompt, cast.bo)
    clock.shift("3h")
    dispatcher.sweep()
    assert reminders(prompt) == []
    clock.shift("61m")
    dispatcher.sweep()
    assert reminders(prompt) == [["role:owner"]]


@pytest.mark.parametrize(
    ("remind", "message"), [("0s", "would never stop"), ("soon", "remind: 'soon' is not a duration")]
)
def test_reminders_that_cannot_work_fail_the_run(dispatcher, cast, remind, message):
    from flowapp.engine import runs
    from flowapp.tenancy.actors import SYSTEM
    from tests.approvals import flows
    from tests.approvals.making import EXPENSE

    flows.OPTIONS.clear()
    flows.OPTIONS.update(remind=remind)
    run = runs.start("asks", EXPENSE, by=SYSTEM)
    assert (run.status, message in run.error["message"]) == ("failed", True)


def test_a_new_owner_may_move_it_too(dispatcher, cast):
    _, prompt = ask()
    reassign(prompt, factories.member("Olga", Role.ADMIN), "role:viewer")
    assert view(prompt).assignees == ["role:viewer"]
