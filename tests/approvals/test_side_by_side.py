"""Lines of a stage side by side: all of them have to pass, in any order, each with its own people and quorum."""

import pytest

from approvals import actions, queries
from approvals.states import NotEligible, NotNow
from flowapp.engine import clock
from tests import factories
from tests.approvals.making import ask, decide
from tests.approvals.test_stages import inbox, refused

LEGAL, FINANCE, OWNER = {"assign": "role:viewer"}, {"assign": "group:finance"}, {"assign": "role:owner"}


def beside(*stages, **options):
    return ask(**{"assign": (), "stages": stages or [[LEGAL, FINANCE]]} | options)


def view(prompt):
    return queries.prompt_detail(prompt.pk)


@pytest.mark.parametrize("order", [("dev", "cleo"), ("cleo", "dev")])
def test_all_have_to_pass_in_any_order(dispatcher, cast, order):
    run, prompt = beside()
    first, second = (getattr(cast, name) for name in order)
    assert inbox(cast.dev) == inbox(cast.cleo) == [("Review", "")]
    assert decide(prompt, first, version=1).final is False
    assert (inbox(first), inbox(second)) == ([], [("Review", "")])
    with pytest.raises(NotEligible):
        decide(prompt, first, "deny")
    assert decide(prompt, second, version=1).final is True
    assert (run.status, run.output["by"]) == ("completed", second.user.email)


def test_a_rejection_on_any_line_ends_it(dispatcher, cast):
    run, prompt = beside()
    decide(prompt, cast.dev)
    decide(prompt, cast.cleo, "deny", reasoning="no")
    assert run.output["outcome"] == "deny"


def test_or_everybody_is_heard_and_the_rejection_stands(dispatcher, cast):
    run, prompt = beside(reject_ends=False)
    decide(prompt, cast.dev, "deny", reasoning="not like this")
    assert run.status == "waiting"
    assert decide(prompt, cast.cleo).final is False
    assert (run.output["outcome"], run.output["by"], run.output["reasoning"]) == (
        "deny",
        "dev@example.com",
        "not like this",
    )
    assert str(view(prompt).decision.by) == "dev@example.com"


def test_the_next_stage_follows_when_all_have_passed(dispatcher, cast):
    run, prompt = beside([LEGAL, FINANCE], OWNER)
    decide(prompt, cast.cleo)
    assert (view(prompt).stage, view(prompt).version) == (1, 1)
    decide(prompt, cast.dev)
    assert (view(prompt).stage, view(prompt).version, view(prompt).assignees) == (2, 2, ["role:owner"])
    decide(prompt, cast.ana)
    assert run.output["by"] == "ana@example.com"
    assert sorted((vote.stage, vote.line) for vote in view(prompt).votes) == [(1, 1), (1, 2), (2, 1)]


def test_who_is_asked_on_both_answers_both(dispatcher, cast):
    run, prompt = beside([{"assign": "role:reviewer"}, FINANCE])
    assert decide(prompt, cast.cleo).final is True
    assert run.status == "completed"


def test_each_line_has_its_quorum(dispatcher, cast):
    _, prompt = beside([{"assign": ["role:viewer", "role:manager"], "quorum": 2}, FINANCE])
    decide(prompt, cast.dev)
    decide(prompt, cast.cleo)
    assert [(line.assign, line.quorum, line.passed) for line in view(prompt).lines] == [
        (["role:viewer", "role:manager"], 2, False),
        (["group:finance"], 1, True),
    ]
    assert view(prompt).assignees == ["role:manager", "role:viewer"]
    decide(prompt, cast.bo)
    assert view(prompt).status == "decided"


def test_a_vote_is_taken_back_only_while_its_line_is_open(dispatcher, cast):
    _, prompt = beside([{"assign": ["role:viewer", "role:manager"], "quorum": 2}, FINANCE])
    decide(prompt, cast.dev)
    decide(prompt, cast.cleo)
    actions.rescind(prompt.pk, by=factories.actor(cast.dev), channel="web")
    with pytest.raises(NotNow):
        actions.rescind(prompt.pk, by=factories.actor(cast.cleo), channel="web")
    assert [str(vote.by) for vote in view(prompt).votes] == ["cleo@example.com"]


def test_the_same_again_is_no_second_vote(dispatcher, cast):
    _, prompt = beside()
    first = decide(prompt, cast.dev, version=1)
    assert decide(prompt, cast.dev, version=1) == first
    assert len(view(prompt).votes) == 1


def test_escalation_asks_on_every_line_that_is_open(dispatcher, cast):
    run, prompt = beside(escalate=[("4h", "role:manager")])
    decide(prompt, cast.dev)
    clock.shift("5h")
    dispatcher.sweep()
    assert view(prompt).assignees == ["group:finance", "role:manager"]
    decide(prompt, cast.bo)
    assert run.status == "completed"


def test_they_are_put_to_others(dispatcher, cast):
    run, prompt = beside()
    decide(prompt, cast.dev)
    actions.reassign(prompt.pk, to=["role:owner"], by=factories.actor(cast.bo), channel="web")
    assert view(prompt).assignees == ["role:owner"]
    assert [line.assign for line in view(prompt).lines] == [["role:viewer"], ["role:owner"]]
    decide(prompt, cast.ana)
    assert run.status == "completed"


def test_too_few_on_one_line_are_warned_of(dispatcher, cast):
    _, prompt = beside([LEGAL, {"assign": "group:finance", "quorum": 2}])
    [warning] = view(prompt).warnings
    assert "2 people must answer, but only 1" in warning


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": [[]]}, "a stage of nothing"),
        ({"stages": [["role:owner"]]}, "a list of those side by side"),
        ({"stages": [[LEGAL, FINANCE]], "type": "edit"}, "an edit has one stage"),
    ],
)
def test_what_cannot_work_fails_the_run(dispatcher, cast, options, message):
    run = refused(**{"assign": ()} | options)
    assert (run.status, message in run.error["message"]) == ("failed", True)


def test_nobody_on_one_line_needs_attention(dispatcher, cast):
    run = refused(assign=(), stages=[[LEGAL, {"assign": "group:nowhere"}]])
    assert (run.status, "group:nowhere" in run.error["message"]) == ("needs_attention", True)
