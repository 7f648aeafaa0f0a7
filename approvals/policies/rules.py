"""Rules that admins keep: which prompts one is about, what it says of them, and where it must leave them to people.

Pure. The first rule in order that is true of a prompt counts. What cannot be judged is put to people, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from approvals.policies.facts import VARIABLES
from approvals.states import NEGATIVE, PromptType, Risk
from flowapp.engine import expressions
from flowapp.engine.expressions import ExpressionFailed

ASK: Final = "ask"  # the outcome of a rule that wants a person to decide


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a policy. Without a workflow or prompt it is about all of them."""

    id: str
    name: str
    number: int
    expression: str
    outcome: str
    workflow: str = ""
    prompt: str = ""
    reason: str = ""

    def is_about(self, facts: Mapping[str, Any]) -> bool:
        """Whether a prompt with these facts is within its scope."""
        return self.workflow in ("", facts["workflow"]) and self.prompt in ("", facts["prompt"])

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt, as far as it matters whether a rule may answer it."""

    type: str
    outcomes: Sequence[Mapping[str, Any]]
    risk: str
    options: Mapping[str, Any]
    several: bool  # it wants more than one person, or more than one stage


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a prompt: with an outcome it is decided, else people are asked, and `note` may say why.

    `considered` holds the (id, version) of each rule that was looked at, up to the one that counts.
    """

    rule: Rule | None = None
    outcome: str = ""
    note: str = ""
    considered: tuple[tuple[str, int], ...] = ()
    failed: bool = False  # the rule could not be judged


def judge(rules: Sequence[Rule], facts: Mapping[str, Any], case: Case) -> Verdict:
    """What the first of these rules that is true of the prompt says of it."""
    considered: list[tuple[str, int]] = []
    for rule in rules:
        if not rule.is_about(facts):
            continue
        considered.append((rule.id, rule.number))
        try:
            found = expressions.compile(rule.expression, VARIABLES).evaluate(**facts)
        except ExpressionFailed as error:
            why = str(error).removeprefix(f"{rule.expression!r}: ")
            return Verdict(
                rule, "", f"It could not be judged, so people are asked: {why}", tuple(considered), failed=True
            )
        if found is not True:
            continue
        if rule.outcome == ASK:
            return Verdict(rule, "", rule.reason, tuple(considered))
        hindrance = needs_people(rule.outcome, case)
        return Verdict(rule, "" if hindrance else rule.outcome, hindrance, tuple(considered))
    return Verdict(considered=tuple(considered))


def needs_people(outcome: str, case: Case) -> str:
    """Why no rule may give this answer, in words; empty when one may. A rule may always turn down what it can."""
    if outcome not in [one["value"] for one in case.outcomes]:
        return f"It says “{outcome}”, which is no outcome of this prompt, so people are asked."
    if outcome in NEGATIVE:
        return "" if not case.several else _only("several people are wanted")
    if case.type in (PromptType.FORM, PromptType.CHOICE):
        return _only("it has to be filled in")
    if case.risk == Risk.HIGH:
        return _only("of its high risk")
    if case.options.get("step_up"):
        return _only("it asks for a second factor")
    if case.options.get("four_eyes"):
        return _only("it asks for four eyes")
    if case.options.get("excluded"):
        return _only("somebody else than before must answer it")
    return _only("several people are wanted") if case.several else ""


def _only(why: str) -> str:
    return f"Only people may decide this, because {why}."
