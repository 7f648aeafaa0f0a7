"""Each rule once, through every channel, with the same end: one path decides, whoever knocks at whichever door."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from approvals import actions
from approvals.models import Decision, Prompt
from flowapp.audit.models import AuditEntry
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs
from flowapp.tenancy import absences
from tests import factories
from tests.approvals.channels.four_channels import Mail, Rest, Slack, Web
from tests.approvals.making import ask, decide

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


BOTH: dict[str, Any] = {"assign": [BO, ANA]}
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
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_rule_holds(case, dispatcher, cast, slack, call):
    for channel in (Web(), Rest(), Slack(slack, call), Mail()):
        _, prompt = ask(by=factories.actor(getattr(cast, case.requester)), **case.options)
        send = channel.read(prompt, getattr(cast, case.who))
        if case.event:
            case.event(Scene(prompt, cast, dispatcher))
        told = [send(case.outcome, case.reason) for _ in range(2 if case.twice else 1)]
        assert found(prompt, channel.name, told) == expected(case, channel.name), channel.name
        cast.bo.user.is_active = True
        cast.bo.user.save()


def found(prompt, name, told):
    """What was said of the answer, what was noted, how the prompt stands, and who decided what."""
    noted = AuditEntry.objects.filter(verb="prompt.decision-refused", target=f"prompt:{prompt.pk}").order_by("id")
    assert {one.channel for one in noted} <= {name}
    prompt.refresh_from_db()
    given = Decision.objects.filter(prompt=prompt, actor__isnull=False).order_by("at")
    decisions = [(one.actor["label"], one.outcome) for one in given]
    return set(told), [one.after["refused"] for one in noted], prompt.status, decisions


def expected(case, name):
    # What is mistyped is corrected, so it is not noted. And somebody who left has no session, key or Slack account.
    nobody = case.event is Scene.bo_leaves and name != "email"
    noted = [case.refused] if case.refused and case.refused != "InvalidDecision" and not nobody else []
    return {bool(case.refused)}, noted, case.status, case.decisions
