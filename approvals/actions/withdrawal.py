"""Prompts whose run no longer waits for them: cancelled with it, or asked anew."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from approvals.actions import announcing
from approvals.actions.closing import close
from approvals.models import Prompt
from approvals.states import PromptStatus
from flowapp import audit
from flowapp.engine import clock, waits
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped


@waits.on_closed("prompt")
def on_closed(workspace_id: UUID, run_id: UUID, keys: Sequence[str]) -> None:
    """Cancel the open prompts of these waits, in the transaction that closed them; their run is locked."""
    with scoped(workspace_id):
        pending = Prompt.objects.filter(run_id=run_id, step_key__in=keys, status=PromptStatus.PENDING)
        for prompt in pending.order_by("pk").select_for_update():
            if close(prompt, PromptStatus.CANCELLED, clock.now()):
                audit.record(
                    by=SYSTEM,
                    verb="prompt.cancelled",
                    target=f"prompt:{prompt.pk}",
                    before={"status": PromptStatus.PENDING},
                    after={"status": prompt.status},
                    reason="The run no longer waits for it.",
                    channel="run",
                )
                announcing.ended(prompt)
