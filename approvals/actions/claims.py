"""Claiming a prompt and letting it go. Neither changes what is asked, so the prompt's version stays."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from approvals.actions import eligibility, locking
from approvals.models import Prompt
from approvals.policies import claiming
from approvals.states import NotEligible, NotNow, StepUpRequired
from flowapp import audit
from flowapp.engine import clock, signals
from flowapp.tenancy.actors import Actor


@transaction.atomic
def claim(prompt_id: UUID, *, by: Actor, channel: str) -> None:
    """Say that `by` is looking at it, for the next 15 minutes; again, the minutes begin anew.

    Raises NotEligible for those who may not decide it, NotNow while somebody else's claim holds.
    """
    prompt = locking.pending(prompt_id)
    refusal = eligibility.barred(prompt, by=by)
    if refusal and not isinstance(refusal, StepUpRequired):
        raise refusal
    held = prompt.claimant
    if held and not claiming.same(held, by.as_json()):
        raise NotNow(f"{held['label']} has claimed it until {prompt.claimed_until:%H:%M} UTC. You may decide it still.")
    now = clock.now()
    prompt.claimed_by, prompt.claimed_until = by.as_json(), now + claiming.LASTS
    if prompt.claimed_after_s is None:
        prompt.claimed_after_s = (now - prompt.created_at).total_seconds()
    _save(prompt)
    if not held:
        audit.record(by=by, verb="prompt.claimed", target=f"prompt:{prompt.pk}", channel=channel)


@transaction.atomic
def release(prompt_id: UUID, *, by: Actor, channel: str) -> None:
    """End a claim: one's own, or as a manager, admin or owner anybody's. Without a claim there is nothing to do."""
    prompt = locking.pending(prompt_id)
    held = prompt.claimant
    if not held:
        return
    if not claiming.same(held, by.as_json()) and not eligibility.manages(by):
        raise NotEligible(f"This is {held['label']}'s claim; they or a manager can release it.")
    prompt.claimed_by = prompt.claimed_until = None
    _save(prompt)
    audit.record(
        by=by,
        verb="prompt.released",
        target=f"prompt:{prompt.pk}",
        before={"claimed_by": held["label"]},
        channel=channel,
    )


def _save(prompt: Prompt) -> None:
    prompt.updated_at = clock.now()
    prompt.save(update_fields=["claimed_by", "claimed_until", "claimed_after_s", "updated_at"])
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
