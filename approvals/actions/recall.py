"""Taking a request back: whoever asked for it no longer wants it, so nobody has to answer and nothing runs on."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from approvals.actions import locking
from approvals.models import Prompt
from approvals.states import NotEligible, PromptNotFound, PromptStatus
from flowapp import audit
from flowapp.engine import clock, runs
from flowapp.engine.errors import RunNotFound
from flowapp.tenancy.actors import Actor


def may_withdraw(requester: dict[str, object] | None, by: Actor) -> bool:
    """Whether this actor asked for it: the person who started the run, in the browser or with a key of theirs."""
    return by.member_id is not None and (requester or {}).get("member_id") == str(by.member_id)


@transaction.atomic
def withdraw(prompt_id: UUID, *, by: Actor, reason: str = "", channel: str) -> None:
    """Take back what a prompt asks for: its run is cancelled, and so is the prompt. Only its requester may.

    Raises NotEligible, or what ended the prompt before.
    """
    found = Prompt.objects.filter(pk=prompt_id).first()
    if found is None:
        raise PromptNotFound
    if not may_withdraw(found.requester, by):
        raise NotEligible("Only whoever asked for it can withdraw it; a manager can cancel the run instead.")
    _refuse_ended(found)
    try:
        # The run's whole family is locked at once, in the one order; locking this run before would break that order.
        runs.cancel(found.run_id, by=by, reason=reason.strip() or "Withdrawn by its requester.")
    except RunNotFound:
        raise PromptNotFound from None
    prompt = Prompt.objects.select_for_update().get(pk=prompt_id)
    if prompt.status != PromptStatus.CANCELLED:
        _refuse_ended(prompt)
    said = {"by": by.as_json(), "reason": reason.strip(), "at": clock.now().isoformat()}
    prompt.options = {**prompt.options, "withdrawn": said}
    prompt.save(update_fields=["options"])
    audit.record(by=by, verb="prompt.withdrawn", target=f"prompt:{prompt.pk}", reason=reason.strip(), channel=channel)


def _refuse_ended(prompt: Prompt) -> None:
    locking.refuse_decided(prompt)
    locking.refuse_ended(prompt)
