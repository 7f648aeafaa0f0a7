"""The cap on the prompts that an agent's runs may have open: one that asks too much would bury its reviewers."""

from __future__ import annotations

from uuid import UUID

from approvals.models import Prompt
from approvals.states import PromptStatus
from flowapp.engine.errors import NeedsAttention
from flowapp.tenancy import agents


def check(prompt_id: UUID) -> None:
    """Raise NeedsAttention when this prompt, which is being opened, takes the agent behind its run over its cap."""
    requester = Prompt.objects.values_list("requester", flat=True).get(pk=prompt_id)
    if not requester or requester["kind"] != "agent" or (agent := agents.named(requester["id"], lock=True)) is None:
        return
    waiting = Prompt.objects.filter(
        status=PromptStatus.PENDING, requester__kind="agent", requester__id=agent.name
    ).count()
    if waiting > agent.most_open:
        raise NeedsAttention(
            f"the runs of the agent {agent.name!r} have {agent.most_open} prompts open, which is its cap; "
            "once some are decided, retry this run, or allow the agent more"
        )
