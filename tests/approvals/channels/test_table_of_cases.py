"""Each rule once, through every channel, with the same end: one path decides, whoever knocks at whichever door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from approvals import actions
from approvals.actions import Draft
from approvals.models import Decision, Policy, Prompt
from flowapp.audit.models import AuditEntry
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs
from flowapp.tenancy import absences
from flowapp.tenancy.actors import SYSTEM
from tests import factories
from tests.approvals import flows
from tests.approvals.channels.four_channels import SIGN_IN, Mail, Rest, Slack, Web
from tests.approvals.making import EXPENSE, ask, decide, pending

BO, ANA, CLEO = "user:bo@example.com", "user:ana@example.com", "user:cleo@example.com"
SIDE_BY_SIDE: dict[str, Any] = {"assign": (), "stages": [[{"assign": [BO]}, {"assign": [ANA]}]]}
STAGES = [{"assign": [BO, ANA]}, {"assign": [ANA, CLEO]}]


@dataclass
class Scene:
    """A prompt that Bo reads."""

    prompt: Prompt
    cast: factories.Cast
    dispatcher: ImmediateDispatcher

    def ana_decides(self) -> None:
        decide(self.prompt, self.cast.ana, "deny", reasoning="no")

    def ana_approves(self) -> None:
        decide(self.prompt, self.cast.ana)

    def bo_decides(self) -> None:
        decide(self.prompt, self.cast.bo)

    def time_runs_out(self) -> None:
        clock.shift("2h")
        self.dispatcher.sweep()

    def the_run_is_cancelled(self) -> None:
        runs.cancel(self.prompt.run_id, by=factories.actor(self.cast.ana))

    def it_goes_to_others(self) -> None:
        actions.reassign(self.prompt.pk, to=["group:finance"], by=factories.actor(self.cast.bo), channel="web")

    def cleo_withdraws(self) -> None:
        actions.withdraw(self.prompt.pk, by=factories.actor(self.cast.cleo), channel="web")

    def cleo_stands_in_for_bo(self) -> None:
        if not absences.standing_in_for(self.cast.cleo.pk, clock.now()):
            bo, until = self.cast.bo, clock.now() + timedelta(days=9)
            by, now = factories.actor(bo), clock.now()
            absences.set_absence(member=bo, substitute=self.cast.cleo, starts_at=now, ends_at=until, by=by, now=now)

    def ana_claims(self) -> None:
        actions.claim(self.prompt.pk, by=factories.actor(self.cast.ana), channel="web")

    def an_hour_passes(self) -> None:
        clock.shift("61m")
        self.dispatcher.sweep()

    def bo_takes_his_vote_back(self) -> None:
        decide(self.prompt, self.cast.bo)
        actions.rescind(self.prompt.pk, by=factories.actor(self.cast.bo), channel="web")

    def ana_takes_her_vote_back(self) -> None:
        decide(self.prompt, self.cast.ana)
        actions.rescind(self.prompt.pk, by=factories.actor(self.cast.ana), channel="web")

    def the_question_changes_as_ana_answers(self) -> None:
        flows.OPTIONS["title"] = "Another question?"
        decide(self.prompt, self.cast.ana)
        assert Prompt.objects.get(run_id=self.prompt.run_id, status="pending").version == 2

    def bo_leaves(self) -> None:
        self.cast.bo.user.is_active = False
        self.cast.bo.user.save()


@dataclass
class Case:
    """What the prompt demands, what happens after `who` read it, what they answer, and what must be so then."""

    name: str
    refused: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    who: str = "bo"
    requester: str = "cleo"
    event: Callable[[Scene], None] | None = None
    outcome: str = "approve"
    reason: str = ""
    twice: bool = False
    status: str = "decided"
    decisions: list[tuple[str, str]] = field(default_factory=list)
    asking: Callable[[Case, factories.Cast], Prompt] | None = None


def asks(case: Case, cast: factories.Cast) -> Prompt:
    return ask(by=factories.actor(getattr(cast, case.requester)), **case.options)[1]


def asks_after_bo_answered_before(case: Case, cast: factories.Cast) -> Prompt:
    run = flows.asks_twice.start(EXPENSE)
    decide(pending(run), cast.bo)
    return pending(run)


def is_ruled(case: Case, cast: factories.Cast) -> Prompt:
    if not Policy.objects.exists():
        actions.create_policy(name="All", draft=Draft("true", "approve"), by=factories.actor(cast.ana))
    flows.OPTIONS.clear()
    return Prompt.objects.get(run_id=runs.start("asks", EXPENSE, by=SYSTEM).id)


BOTH: dict[str, Any] = {"assign": [BO, ANA]}
ALL: dict[str, Any] = {"assign": [BO, ANA, CLEO]}
OPEN = "pending"
CASES = [
    Case("eligible", decisions=[("Bo", "approve")]),
    Case("with a reason", outcome="deny", reason="no budget", decisions=[("Bo", "deny")]),
    Case("of the group", options={"assign": "group:finance"}, who="cleo", decisions=[("Cleo", "approve")]),
    Case("of the role", options={"assign": "role:manager"}, decisions=[("Bo", "approve")]),
    Case("not assigned", "NotEligible", who="dev", status=OPEN),
    Case("not assigned, though the owner", "NotEligible", who="ana", status=OPEN),
    Case("given to others", "NotEligible", event=Scene.it_goes_to_others, status=OPEN),
    Case("already decided", "AlreadyDecided", BOTH, event=Scene.ana_decides, decisions=[("Ana", "deny")]),
    Case("decided alike", "AlreadyDecided", BOTH, event=Scene.ana_approves, decisions=[("Ana", "approve")]),
    Case("decided by oneself elsewhere", event=Scene.bo_decides, decisions=[("Bo", "approve")]),
    Case(
        "decided by oneself otherwise",
        "AlreadyDecided",
        event=Scene.bo_decides,
        outcome="deny",
        reason="no",
        decisions=[("Bo", "approve")],
    ),
    Case("the same person twice", twice=True, decisions=[("Bo", "approve")]),
    Case(
        "stale version",
        "StaleVersion",
        {"assign": (), "stages": [{"assign": [ANA]}, {"assign": [ANA, BO]}]},
        event=Scene.ana_approves,
        decisions=[("Ana", "approve")],
        status=OPEN,
    ),
    Case("expired", "Expired", {"timeout": "1h"}, event=Scene.time_runs_out, status="expired"),
    Case("cancelled", "PromptCancelled", event=Scene.the_run_is_cancelled, status="cancelled"),
    Case("four eyes", "NotEligible", {**BOTH, "four_eyes": True}, requester="bo", status=OPEN),
    Case("four eyes, another's", "", {**BOTH, "four_eyes": True}, decisions=[("Bo", "approve")]),
    Case("high risk", "StepUpRequired", {"risk": "high"}, status=OPEN),
    Case("second factor wanted", "StepUpRequired", {"step_up": True}, status=OPEN),
    Case("required reason missing", "InvalidDecision", {"require_reason": True}, reason=" ", status=OPEN),
    Case("required reason given", "", {"require_reason": True}, reason="fine", decisions=[("Bo", "approve")]),
    Case("no such outcome", "InvalidDecision", outcome="explode", status=OPEN),
    Case("quorum, first vote", "", {**BOTH, "quorum": 2}, decisions=[("Bo", "approve")], status=OPEN),
    Case(
        "quorum, same person twice", "", {**BOTH, "quorum": 2}, twice=True, decisions=[("Bo", "approve")], status=OPEN
    ),
    Case(
        "quorum, last vote",
        "",
        {**BOTH, "quorum": 2},
        event=Scene.ana_approves,
        decisions=[("Ana", "approve"), ("Bo", "approve")],
    ),
    Case("first of two stages", "", {"assign": (), "stages": STAGES}, decisions=[("Bo", "approve")], status=OPEN),
    Case("first line of two side by side", "", SIDE_BY_SIDE, decisions=[("Bo", "approve")], status=OPEN),
    Case(
        "last line of two side by side",
        "",
        SIDE_BY_SIDE,
        event=Scene.ana_approves,
        decisions=[("Ana", "approve"), ("Bo", "approve")],
    ),
    Case(
        "its line has passed",
        "NotEligible",
        {"assign": (), "stages": [[{"assign": [BO, ANA]}, {"assign": [CLEO]}]]},
        event=Scene.ana_approves,
        decisions=[("Ana", "approve")],
        status=OPEN,
    ),
    Case("withdrawn by its requester", "PromptCancelled", event=Scene.cleo_withdraws, status="cancelled"),
    Case(
        "in the place of the absent",
        who="cleo",
        requester="ana",
        event=Scene.cleo_stands_in_for_bo,
        decisions=[("Cleo", "approve")],
    ),
    Case(
        "in the place of the absent requester",
        "NotEligible",
        {**BOTH, "four_eyes": True},
        who="cleo",
        requester="bo",
        event=Scene.cleo_stands_in_for_bo,
        status=OPEN,
    ),
    Case("deactivated", "NotEligible", event=Scene.bo_leaves, status=OPEN),
    Case(
        "quorum, one reject ends it", "", {**BOTH, "quorum": 2}, outcome="deny", reason="no", decisions=[("Bo", "deny")]
    ),
    Case(
        "quorum, one reject is a vote",
        "",
        {**BOTH, "quorum": 2, "reject_ends": False},
        outcome="deny",
        reason="no",
        decisions=[("Bo", "deny")],
        status=OPEN,
    ),
    Case(
        "votes that differ",
        "",
        {**ALL, "quorum": 2, "reject_ends": False},
        event=Scene.ana_decides,
        decisions=[("Ana", "deny"), ("Bo", "approve")],
        status=OPEN,
    ),
    Case(
        "another vote in place of one's own",
        "",
        {**ALL, "quorum": 2, "reject_ends": False},
        event=Scene.bo_decides,
        outcome="deny",
        reason="no",
        decisions=[("Bo", "deny")],
        status=OPEN,
    ),
    Case("different from who decided before", "NotEligible", asking=asks_after_bo_answered_before, status=OPEN),
    Case(
        "the level it escalated to",
        "",
        {"assign": ANA, "timeout": "4h", "escalate": [("1h", BO)]},
        event=Scene.an_hour_passes,
        decisions=[("Bo", "approve")],
    ),
    Case("claimed by somebody else", "", BOTH, event=Scene.ana_claims, decisions=[("Bo", "approve")]),
    Case(
        "expired with an outcome",
        "Expired",
        {"timeout": "1h", "on_timeout": "approve"},
        event=Scene.time_runs_out,
        status="expired",
    ),
    Case(
        "expired, denied without a reason",
        "Expired",
        {"timeout": "1h"},
        event=Scene.time_runs_out,
        outcome="deny",
        status="expired",
    ),
    Case(
        "asked anew",
        "AlreadyDecided",
        BOTH,
        event=Scene.the_question_changes_as_ana_answers,
        decisions=[("Ana", "approve")],
    ),
    Case(
        "after one took one's vote back",
        "",
        {**BOTH, "quorum": 2},
        event=Scene.bo_takes_his_vote_back,
        decisions=[("Bo", "approve")],
        status=OPEN,
    ),
    Case(
        "after another took their vote back",
        "",
        {**BOTH, "quorum": 2},
        event=Scene.ana_takes_her_vote_back,
        decisions=[("Bo", "approve")],
        status=OPEN,
    ),
    Case("a rule decided it", "AlreadyDecided", asking=is_ruled, decisions=[("All v1", "approve")]),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_rule_holds(case, dispatcher, cast, slack, call):
    for channel in (Web(), Rest(), Slack(slack, call), Mail()):
        prompt = (case.asking or asks)(case, cast)
        send = channel.read(prompt, getattr(cast, case.who))
        if case.event:
            case.event(Scene(prompt, cast, dispatcher))
        told = [send(case.outcome, case.reason) for _ in range(2 if case.twice else 1)]
        assert found(prompt, channel.name, told) == expected(case, channel.name), channel.name
        assert [one for one in told if one.refused and not rightly(one, case, prompt, channel.name)] == []
        cast.bo.user.is_active = True
        cast.bo.user.save()


def found(prompt, name, told):
    """What was said of the answer, what was noted, how the prompt stands, and who decided what."""
    noted = AuditEntry.objects.filter(verb="prompt.decision-refused", target=f"prompt:{prompt.pk}").order_by("id")
    assert {one.channel for one in noted} <= {name}
    prompt.refresh_from_db()
    given = Decision.objects.filter(prompt=prompt, actor__isnull=False).order_by("at")
    decisions = [(one.actor["label"], one.outcome) for one in given]
    return {one.refused for one in told}, [one.after["refused"] for one in noted], prompt.status, decisions


STATUSES = {
    "NotEligible": 403,
    "StepUpRequired": 403,
    "AlreadyDecided": 409,
    "StaleVersion": 409,
    "Expired": 410,
    "PromptCancelled": 410,
    "InvalidDecision": 422,
}
WORDS = {
    "StepUpRequired": "second factor",
    "StaleVersion": "changed since you read it",
    "Expired": "expired before this decision arrived",
    "PromptCancelled": "was cancelled",
}


def rightly(told, case, prompt, name):
    """Whether this is what one is told of it: the status, and in words why; who was first with what, and when."""
    if case.event is Scene.bo_leaves and name != "email":
        return {"web": told.status == SIGN_IN, "api": told.status == 401, "slack": "who you are" in told.text}[name]
    words = WORDS.get(case.refused, "")
    if case.refused == "AlreadyDecided":
        won = Decision.objects.get(prompt=prompt, final=True)
        words = f"Already decided: {won.outcome} by {won.by} at {won.at:%Y-%m-%d %H:%M:%S} UTC"
    return told.status == (None if name == "slack" else STATUSES[case.refused]) and words in told.text


def expected(case, name):
    # What is mistyped is corrected, so it is not noted. And somebody who left has no session, key or Slack account.
    nobody = case.event is Scene.bo_leaves and name != "email"
    noted = [case.refused] if case.refused and case.refused != "InvalidDecision" and not nobody else []
    return {bool(case.refused)}, noted, case.status, case.decisions
