"""The lines of a stage: those asked side by side, all of which have to pass. A plain stage has one."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from approvals.actions import eligibility, seats
from approvals.models import Assignment, Decision, Prompt
from approvals.policies import ballot
from approvals.states import NEGATIVE
from flowapp.tenancy.actors import Actor


def still_open(prompt: Prompt) -> list[int]:
    """The numbers of the lines of the present stage that have not passed yet."""
    if not prompt.stage_at().lines:
        return [1]
    found = Assignment.objects.filter(prompt=prompt, active=True).values_list("line", flat=True)
    return sorted(set(found))


def asked_on(prompt: Prompt, by: Actor) -> list[int]:
    """The open lines on which this actor is asked: their answer counts on each of them."""
    if not prompt.stage_at().lines:
        return [1]
    targets = eligibility.targets_of(by)
    return sorted(set(_active(prompt).filter(target__in=targets).values_list("line", flat=True)))


def close(prompt: Prompt, numbers: Iterable[int]) -> None:
    """Nobody is asked on these any more; who was has it among what is done once the prompt has ended."""
    _active(prompt).filter(line__in=list(numbers)).update(active=False)


def rejected(prompt: Prompt) -> Decision | None:
    """The answer by which a line of the present stage was turned down, of those that have passed; None for none."""
    for number, line in enumerate(prompt.stage_at().beside, start=1):
        given = [vote for vote in seats.standing(prompt, stage=prompt.stage, line=number) if vote.outcome in NEGATIVE]
        answers = [ballot.answer(vote.outcome, vote.data) for vote in given]
        agreed = (vote for vote, answer in zip(given, answers, strict=True) if answers.count(answer) >= line.quorum)
        if first := next(agreed, None):
            return first
    return None


def _active(prompt: Prompt) -> QuerySet[Assignment]:
    return Assignment.objects.filter(prompt=prompt, active=True)
