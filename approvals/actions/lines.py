"""The lines of a stage: those asked side by side, all of which have to pass. A plain stage has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import QuerySet

from approvals.actions import eligibility, seats
from approvals.models import Assignment, Decision, Prompt
from approvals.policies import ballot
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
    votes = list(Decision.objects.filter(prompt=prompt, stage=prompt.stage).order_by("at", "id"))
    for number, line in enumerate(prompt.stage_at().beside, start=1):
        given = [vote for vote in votes if vote.line == number and ballot.is_rejection(vote.outcome, prompt.outcomes)]
        places = {(ballot.answer(vote.outcome, vote.data), seats.place(vote)) for vote in given}
        if any(count >= line.quorum for count in Counter(answer for answer, _ in places).values()):
            return given[0]
    return None


def _active(prompt: Prompt) -> QuerySet[Assignment]:
    return Assignment.objects.filter(prompt=prompt, active=True)
