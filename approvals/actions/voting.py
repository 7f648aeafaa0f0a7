"""The votes of a prompt that wants several people: reading them, taking one back."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from approvals.actions import eligibility, lines, locking, seats, shortage
from approvals.actions.telling import News, tell
from approvals.models import Decision, Prompt
from approvals.policies import ballot, claiming
from approvals.states import NotEligible, NotNow
from flowapp import audit
from flowapp.engine import clock, signals
from flowapp.tenancy.actors import Actor


@transaction.atomic
def rescind(prompt_id: UUID, *, by: Actor, channel: str) -> None:
    """Take back one's vote in the present stage, as long as that is open. Raises NotNow when there is none.

    Through a key only if that may decide: taking a vote back can decide as much as giving it.
    """
    prompt = locking.pending(prompt_id)
    if not eligibility.may_answer(by):
        raise NotEligible("This API key may not take votes back: it was not granted approvals:decide.")
    outcome = withdraw(prompt, by, lines.still_open(prompt))
    if outcome is None:
        raise NotNow("You have no vote here that could be taken back.")
    _touch(prompt)
    audit.record(
        by=by,
        verb="prompt.vote-rescinded",
        target=f"prompt:{prompt.pk}",
        before={"outcome": outcome, "stage": prompt.stage},
        channel=channel,
    )


def answers_of(prompt: Prompt, by: Actor) -> list[Decision]:
    """All that this person (through whatever channel or key) or agent answered to the prompt, over its stages."""
    return [one for one in Decision.objects.filter(prompt=prompt).order_by("stage") if _is_by(one, by)]


def withdraw(prompt: Prompt, by: Actor, lines: Collection[int]) -> str | None:
    """Remove this actor's vote on these lines of the present stage; its outcome, or None when there was none."""
    own = [one for one in answers_of(prompt, by) if one.stage == prompt.stage and one.line in lines]
    for one in own:
        one.delete()
    return own[0].outcome if own else None


def counted(prompt: Prompt, line: int, *, beside: str) -> list[ballot.Answer]:
    """The answers given so far on a line of the present stage, once for each place but this one."""
    given = seats.by_answer(prompt, line)
    return [answer for answer, places in given.items() for _ in places - {beside}]


def note(prompt: Prompt, vote: Decision, *, by: Actor, before: str | None) -> None:
    """Log a vote, and tell those who look at the prompt; it may have made the question one that nobody can settle."""
    _touch(prompt)
    bound = {"digest": vote.payload_digest, "answer": vote.answer_digest}
    audit.record(
        by=by,
        verb="prompt.voted",
        target=f"prompt:{prompt.pk}",
        before={"outcome": before} if before else None,
        after={"outcome": vote.outcome, "stage": vote.stage, **bound},
        reason=vote.reasoning,
        channel=vote.channel,
    )


def _touch(prompt: Prompt) -> None:
    prompt.updated_at = clock.now()
    shortage.look_again(prompt)
    prompt.save(update_fields=["updated_at", "options"])
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
    tell(prompt, News.VOTED)


def _is_by(answer: Decision, by: Actor) -> bool:
    if by.member_id:
        return answer.member_id == by.member_id
    return answer.actor is not None and claiming.same(answer.actor, by.as_json())
