"""In whose place an answer is given: a place may be passed on or stood in for, and is one voice all the same."""

from __future__ import annotations

from approvals.actions import eligibility
from approvals.models import Assignment, Decision, Prompt, votes
from approvals.policies import ballot
from flowapp.tenancy.actors import Actor


def seat_of(prompt: Prompt, by: Actor, line: int) -> str:
    """The place in which this actor answers on a line of the present stage."""
    asked = Assignment.objects.filter(prompt=prompt, active=True, line=line).order_by("level", "target")
    return eligibility.seat(prompt, by=by, asked=dict(asked.values_list("target", "seat")))


def given(prompt: Prompt, by: Actor) -> str:
    """The place in which this actor answers alone, where somebody gave them theirs; "" for their own."""
    passed_on = Assignment.objects.filter(prompt=prompt, active=True).exclude(seat="")
    return seat_of(prompt, by, 1) if passed_on.exists() else ""


def by_answer(prompt: Prompt, line: int) -> dict[ballot.Answer, set[str]]:
    """The answers that stand on a line of the present stage, each with the places it was given in."""
    found: dict[ballot.Answer, set[str]] = {}
    for vote in standing(prompt, stage=prompt.stage, line=line):
        found.setdefault(ballot.answer(vote.outcome, vote.data), set()).add(vote.place)
    return found


def standing(prompt: Prompt, **within: int) -> list[Decision]:
    """The answers that stand within a stage and line, or all: one in each place, oldest first."""
    return votes.standing(Decision.objects.filter(prompt=prompt, **within).order_by("at", "pk"))
