"""One stage after the other, each with its own people and quorum; the version rises with each."""

import pytest

from approvals import actions, queries
from approvals.models import Prompt
from approvals.states import ESCALATE, NotEligible, StaleVersion
from flowapp.audit.models import AuditEntry
from flowapp.engine import clock, runs
from flowapp.tenancy.actors import SYSTEM
from tests import factories
from tests.approvals import flows
from tests.approvals.making import EXPENSE, ask, decide

TWO = [{"assign": "role:manager"}, {"assign": ["role:owner", "group:finance"]}]


def staged(**options):
    return ask(**{"assign": (), "stages": TWO} | options)


def refused(**options):
    flows.OPTIONS.clear()
    flows.OPTIONS.update(options)
    return runs.start("asks", EXPENSE, by=SYSTEM)


def view(prompt):
    return queries.prompt_detail(prompt.pk)


def inbox(member, **asking):
    return [(row.ask, row.stage) for row in queries.inbox(queries.targets_of(member.pk), **asking).items]


def test_the_second_stage_follows_the_first(dispatcher, cast):
    run, prompt = staged(title="Pay?")
    assert (inbox(cast.bo), inbox(cast.ana)) == ([("Pay?", "stage 1/2")], [])
    assert (view(prompt).assignees, view(prompt).version) == (["role:manager"], 1)
    assert decide(prompt, cast.bo, version=1).final is False
    assert (inbox(cast.bo), inbox(cast.ana)) == ([], [("Pay?", "stage 2/2")])
    assert (view(prompt).assignees, view(prompt).version) == (["group:finance", "role:owner"], 2)
    decide(prompt, cast.ana, version=2)
    assert (run.status, run.output["by"]) == ("completed", "ana@example.com")
    assert [(vote.stage, str(vote.by)) for vote in view(prompt).votes] == [
        (1, "bo@example.com"),
        (2, "ana@example.com"),
    ]
    assert (inbox(cast.bo, scope="done"), inbox(cast.ana, scope="done")) == ([("Pay?", "stage 2/2")],) * 2


def test_what_was_passed_is_done_only_once_the_prompt_has_ended(dispatcher, cast):
    _, prompt = staged()
    decide(prompt, cast.bo)
    assert inbox(cast.bo, scope="done") == inbox(cast.bo, scope="done", query="review") == []


def test_only_the_present_stage_decides(dispatcher, cast):
    _, prompt = staged()
    with pytest.raises(NotEligible):
        decide(prompt, cast.ana)
    decide(prompt, cast.bo)
    with pytest.raises(NotEligible):
        decide(prompt, cast.bo, "deny")
    decide(prompt, cast.cleo)


def test_a_rejection_at_the_first_stage_ends_it(dispatcher, cast):
    run, prompt = staged()
    decide(prompt, cast.bo, "deny", reasoning="no")
    assert (run.output["outcome"], view(prompt).stage, view(prompt).status) == ("deny", 1, "decided")


def test_an_old_page_is_out_of_date_at_the_next_stage(dispatcher, cast):
    _, prompt = staged(stages=[{"assign": "role:manager"}, {"assign": ["role:manager", "role:owner"]}])
    first = decide(prompt, cast.bo, version=1)
    with pytest.raises(StaleVersion):
        decide(prompt, cast.ana, version=1)
    # The same again is the vote of the first stage, never one of the second.
    assert decide(prompt, cast.bo, version=1) == decide(prompt, cast.bo) == first
    assert view(prompt).status == "pending"
    decide(prompt, cast.bo, version=2)
    assert view(prompt).status == "decided"


def test_each_stage_has_its_quorum(dispatcher, cast):
    run, prompt = staged(stages=[{"assign": ["role:manager", "role:owner"], "quorum": 2}, {"assign": "group:finance"}])
    decide(prompt, cast.bo)
    assert (view(prompt).stage, view(prompt).quorum) == (1, 2)
    decide(prompt, cast.ana)
    assert (view(prompt).stage, view(prompt).quorum) == (2, 1)
    decide(prompt, cast.cleo)
    assert run.output["by"] == "cleo@example.com"


def test_each_stage_has_the_whole_time(dispatcher, cast):
    run, prompt = staged(timeout="10h", escalate=[("4h", "role:viewer")])
    clock.shift("3h")
    decide(prompt, cast.bo)
    clock.shift("3h")
    dispatcher.sweep()
    prompt.refresh_from_db()
    assert (prompt.level, prompt.stage) == (0, 2)
    clock.shift("61m")
    dispatcher.sweep()
    prompt.refresh_from_db()
    assert (prompt.level, view(prompt).assignees) == (1, ["group:finance", "role:owner", "role:viewer"])
    decide(prompt, cast.dev)
    assert run.status == "completed"


GONE = "user:dev@example.com does not exist here any more, or means nobody, so "


def test_a_stage_whose_people_have_gone_goes_to_the_admins(dispatcher, cast):
    run, prompt = staged(stages=[{"assign": "role:manager"}, {"assign": "user:dev@example.com"}])
    cast.dev.user.is_active = False
    cast.dev.user.save()
    decide(prompt, cast.bo)
    assert (view(prompt).stage, view(prompt).assignees) == (2, ["role:admin", "role:owner"])
    assert view(prompt).warnings == [f"Stage 2: {GONE}it was put to the admins and owners."]
    opened = AuditEntry.objects.get(verb="prompt.stage-opened")
    assert opened.after["assign"] == ["role:admin", "role:owner"]
    decide(prompt, cast.ana)
    assert run.output["by"] == "ana@example.com"


def test_of_lines_side_by_side_only_the_one_without_people_goes_to_the_admins(dispatcher, cast):
    both = [{"assign": "user:dev@example.com"}, {"assign": "group:finance"}]
    _, prompt = staged(stages=[{"assign": "role:manager"}, both])
    cast.dev.user.is_active = False
    cast.dev.user.save()
    decide(prompt, cast.bo)
    assert [line.assign for line in view(prompt).lines] == [["role:admin", "role:owner"], ["group:finance"]]


def test_a_later_stage_without_people_is_warned_of_as_soon_as_it_is_known(dispatcher, cast):
    _, prompt = staged(stages=[{"assign": "role:manager", "quorum": 1}, {"assign": "group:finance"}])
    cast.cleo.user.is_active = False
    cast.cleo.user.save()
    actions.reassign(prompt.pk, to=["role:viewer"], by=factories.actor(cast.bo), channel="web")
    assert view(prompt).warnings == ["Stage 2: Nobody who is asked may answer it. Ask somebody else."]


def test_escalation_asks_the_managers_of_the_present_stage(dispatcher, cast):
    _, prompt = staged(
        stages=[{"assign": "role:owner"}, {"assign": "group:finance"}], timeout="1h", on_timeout=ESCALATE
    )
    decide(prompt, cast.ana)
    clock.shift("61m")
    dispatcher.sweep()
    assert view(prompt).assignees == ["group:finance", "user:bo@example.com"]


def test_the_next_stage_is_in_the_audit_and_unclaimed(dispatcher, cast):
    from approvals import actions

    _, prompt = staged()
    actions.claim(prompt.pk, by=factories.actor(cast.bo), channel="web")
    decide(prompt, cast.bo)
    entry = AuditEntry.objects.get(verb="prompt.stage-opened", target=f"prompt:{prompt.pk}")
    assert (entry.actor_label, entry.after) == (
        "Bo",
        {"stage": 2, "version": 2, "assign": ["role:owner", "group:finance"]},
    )
    assert view(prompt).claimed_by is None


def test_a_later_stage_that_cannot_be_settled_is_warned_of(dispatcher, cast):
    _, prompt = staged(stages=[{"assign": "role:manager"}, {"assign": "role:owner", "quorum": 2}])
    [warning] = view(prompt).warnings
    assert warning.startswith("Stage 2: 2 people must answer, but only 1")
    decide(prompt, cast.bo)
    assert view(prompt).warnings == [warning]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": TWO}, "each stage names its own assign"),
        ({"assign": (), "stages": [{"assign": "role:owner", "colour": 1}]}, "a stage has assign and quorum, no colour"),
        ({"assign": (), "stages": TWO, "type": "edit"}, "an edit has one stage"),
        ({"assign": (), "stages": [{"assign": "role:owner", "quorum": 0}]}, "is not a number of people"),
    ],
)
def test_stages_that_cannot_work_fail_the_run(dispatcher, cast, options, message):
    run = refused(**options)
    assert run.status == "failed"
    assert message in run.error["message"]


@pytest.mark.parametrize("assign", ["group:nowhere", ()])
def test_nobody_at_a_later_stage_needs_attention_at_once(dispatcher, cast, assign):
    run = refused(assign=(), stages=[{"assign": "role:owner"}, {"assign": assign}])
    assert run.status == "needs_attention"
    assert not Prompt.objects.exists()
