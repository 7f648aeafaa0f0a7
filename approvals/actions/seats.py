"""In whose place an answer is given: a place may be passed on or stood in for, and is one voice all the same."""

from __future__ import annotations

from approvals.actions import eligibility
from approvals.models import Assignment, Decision, Prompt
from approvals.policies import ballot
from flowapp.tenancy.actors import Actor


def seat_of(prompt: Prompt, by: Actor, line: int) -> str:
    """The place in which this actor answers on a line of the present stage."""
    asked = Assignment.objects.filter(prompt=prompt, active=True, line=line).order_by("level", "target")
    return eligibility.seat(prompt, by=by, asked=dict(asked.values_list("target", "seat")))


def by_answer(prompt: Prompt, line: int) -> dict[ballot.Answer, set[str]]:
    """The answers given so far on a line of the present stage, each with the places it was given in.

    Of two that were given in one place, such as by an absent person and by who stands in, the later one counts.
    """
    votes = Decision.objects.filter(prompt=prompt, stage=prompt.stage, line=line).order_by("at", "pk")
    latest = {place(vote): ballot.answer(vote.outcome, vote.data) for vote in votes}
    found: dict[ballot.Answer, set[str]] = {}
    for seat, answer in latest.items():
        found.setdefault(answer, set()).add(seat)
    return found


def place(vote: Decision) -> str:
    """The place in which an answer was given; one from before places were kept is its giver's own."""
    actor = vote.actor or {}
    return vote.seat or str(vote.member_id or f"{actor.get('kind')}:{actor.get('id')}")
