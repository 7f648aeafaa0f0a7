"""Claiming a prompt and letting it go. Neither changes what is asked, so the prompt's version stays."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import transaction

from approvals.actions import eligibility, locking
from approvals.models import Prompt
from approvals.policies import claiming
from approvals.states import NotEligible, NotNow, StepUpRequired
from flowapp import audit
from flowapp.engine import clock, signals, timers
from flowapp.engine.timers import DueTimer
from flowapp.tenancy.actors import Actor

_CLAIM = ("claimed_by", "claimed_until", "claimed_after_s", "first_claimed_by")

TIMER: Final = "prompt.claim"


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
        prompt.first_claimed_by_id = by.member_id
    _save(prompt)
    timers.schedule(TIMER, str(prompt.pk), prompt.claimed_until, {})
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


@timers.on_timer(TIMER)
def on_lapsed(timer: DueTimer) -> None:
    """Tell the inboxes that a claim has run out; one that was released, or ended with its prompt, was told already.

    Who claimed it stays written down: how long they took is counted from then.
    """
    prompt = locking.still_pending(UUID(timer.key))
    now = clock.now()
    if prompt is not None and prompt.claimed_until is not None and prompt.claimed_until <= now:
        _save(prompt)


def _save(prompt: Prompt) -> None:
    prompt.updated_at = clock.now()
    prompt.save(update_fields=[*_CLAIM, "updated_at"])
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
