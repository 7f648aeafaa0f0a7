"""The rules of deciding, each as one case: what is asked, what happens meanwhile, what is answered, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from approvals import actions
from approvals.actions import Draft
from approvals.models import Policy, Prompt
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, runs
from flowapp.tenancy import absences
from flowapp.tenancy.actors import SYSTEM
from tests import factories
from tests.approvals import flows
from tests.approvals.channels.four_channels import Filled
from tests.approvals.making import EXPENSE, ask, decide, pending

BO, ANA, CLEO, DEV = (f"user:{name}@example.com" for name in ("bo", "ana", "cleo", "dev"))
FOUR_EYES = "four eyes are wanted, so somebody else must decide"
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

    def ana_chooses(self) -> None:
        decide(self.prompt, self.cast.ana, "submit", data=["a"])

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

    def dev_gives_their_place_to_cleo(self) -> None:
        actions.reassign(self.prompt.pk, to=[CLEO], by=factories.actor(self.cast.dev), channel="web")

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
    filled: Filled | None = None
    words: str = ""

    @property
    def why(self) -> str:
        """What whoever is refused reads, in whatever channel: a pattern."""
        return self.words or WORDS[self.refused]


WORDS = {
    "NotEligible": "You are not among those who may decide this prompt.",
    "StepUpRequired": "second factor",
    "AlreadyDecided": "Already decided: ",
    "StaleVersion": "changed since you read it",
    "Expired": "expired before this decision arrived",
    "PromptCancelled": "was cancelled",
}


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
FORM: dict[str, Any] = {"type": "form", "form": flows.Address, "data": None}
ADDRESS = Filled.of({"street": "Main Street", "zip": "10115"}, {"Street": "Main Street", "Zip": "10115"})
WRONG = Filled.of({"street": "Main Street", "zip": "1011"}, {"Street": "Main Street", "Zip": "1011"})
EDIT: dict[str, Any] = {"type": "edit", "data": flows.Bill(amount=5)}
EDITED, MISEDITED = (Filled.of({"amount": amount}, {"Amount": str(amount)}) for amount in (7, -7))
CHOICE: dict[str, Any] = {"type": "choice", "choices": ["a", "b", "c"]}
CHOSEN = Filled(["b"], {"data": "b"}, {"Choose one or several": ["b"]})
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
    Case("four eyes", "NotEligible", {**BOTH, "four_eyes": True}, requester="bo", status=OPEN, words=FOUR_EYES),
    Case("four eyes, another's", "", {**BOTH, "four_eyes": True}, decisions=[("Bo", "approve")]),
    Case("high risk", "StepUpRequired", {"risk": "high"}, status=OPEN),
    Case("second factor wanted", "StepUpRequired", {"step_up": True}, status=OPEN),
    Case(
        "required reason missing",
        "InvalidDecision",
        {"require_reason": True},
        reason=" ",
        status=OPEN,
        words="his decision needs a reason|Say why",
    ),
    Case("required reason given", "", {"require_reason": True}, reason="fine", decisions=[("Bo", "approve")]),
    Case(
        "no such outcome", "InvalidDecision", outcome="explode", status=OPEN, words="is not an outcome of this prompt"
    ),
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
    Case(
        "different from who decided before",
        "NotEligible",
        asking=asks_after_bo_answered_before,
        status=OPEN,
        words="You answered an earlier prompt of this run",
    ),
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
    Case(
        "one who gave their place away",
        "NotEligible",
        {"assign": DEV},
        "dev",
        event=Scene.dev_gives_their_place_to_cleo,
        status=OPEN,
    ),
    Case(
        "who was given a place",
        "",
        {"assign": [DEV, CLEO]},
        "cleo",
        event=Scene.dev_gives_their_place_to_cleo,
        decisions=[("Cleo", "approve")],
    ),
    Case("a form", "", FORM, outcome="submit", filled=ADDRESS, decisions=[("Bo", "submit")]),
    Case(
        "a form, a field wrong",
        "InvalidDecision",
        FORM,
        outcome="submit",
        filled=WRONG,
        status=OPEN,
        words="does not fit the pattern",
    ),
    Case(
        "a form that is turned down",
        "",
        {**FORM, "outcomes": ["submit", "deny"]},
        outcome="deny",
        reason="no",
        decisions=[("Bo", "deny")],
    ),
    Case("an edit", "", EDIT, filled=EDITED, decisions=[("Bo", "approve")]),
    Case("an edit, a field wrong", "InvalidDecision", EDIT, filled=MISEDITED, status=OPEN, words="more than 0"),
    Case("one choice of several", "", CHOICE, outcome="submit", filled=CHOSEN, decisions=[("Bo", "submit")]),
    Case(
        "a choice, somebody first",
        "AlreadyDecided",
        {**CHOICE, **BOTH},
        event=Scene.ana_chooses,
        outcome="submit",
        filled=CHOSEN,
        decisions=[("Ana", "submit")],
    ),
]
