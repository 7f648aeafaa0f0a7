"""Telling rooms outside, in the same transaction, that a prompt was opened, and how it ended: for webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.models import Decision, Prompt
from approvals.states import PromptStatus, decider
from flowapp.engine import clock, facts
from flowapp.engine.facts import Fact
from flowapp.tenancy.scope import scoped

_ENDS = {
    PromptStatus.DECIDED.value: "prompt.decided",
    PromptStatus.EXPIRED.value: "prompt.expired",
    PromptStatus.CANCELLED.value: "prompt.cancelled",
}


def opened(workspace_id: UUID, prompt_id: UUID) -> None:
    """Tell that a prompt is asked, and how it ended where a rule decided it at once."""
    if not facts.heard([workspace_id]):
        return
    with scoped(workspace_id):
        prompt = Prompt.objects.get(pk=prompt_id)
    facts.tell(workspace_id, _fact("prompt.opened", prompt, prompt.created_at, _shown(prompt)))
    ended(prompt)


def ended(prompt: Prompt) -> None:
    """Tell how a prompt ended; nothing for one that is open."""
    name = _ENDS.get(prompt.status)
    if name is None or not facts.heard([prompt.workspace_id]):
        return
    with scoped(prompt.workspace_id):
        final = Decision.objects.filter(prompt=prompt, final=True).first()
    data = _shown(prompt) | {"decision": _decision(final) if final else None}
    facts.tell(prompt.workspace_id, _fact(name, prompt, prompt.closed_at or clock.now(), data))


def _fact(name: str, prompt: Prompt, at: datetime, data: dict[str, Any]) -> Fact:
    hops = facts.hops_through(prompt.workspace_id, prompt.run_id, prompt.requester)
    return Fact(name, f"{name}:{prompt.pk}", at, data, hops=hops)


def _shown(prompt: Prompt) -> dict[str, Any]:
    """What is told of a prompt: not what is decided on, which may be anything."""
    return {
        "id": str(prompt.pk),
        "run_id": str(prompt.run_id),
        "workflow": prompt.workflow,
        "name": prompt.name,
        "type": prompt.type,
        "title": prompt.title,
        "risk": prompt.risk,
        "status": prompt.status,
        "version": prompt.version,
        "assignees": list(prompt.stage_at().assign),
        "created_at": prompt.created_at,
        "due_at": prompt.due_at,
    }


def _decision(final: Decision) -> dict[str, Any]:
    who = decider(final.actor)
    return {
        "outcome": final.outcome,
        "by": {"kind": who.kind, "name": who.name, "email": who.email} if who else None,
        "at": final.at,
        "channel": final.channel,
        "reasoning": final.reasoning,
        "timed_out": final.timed_out,
    }
