"""A prompt as the detail page shows it: what is asked, what follows from each answer, and exactly what will run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from approvals import actions, queries
from approvals.actions.channels import question
from approvals.models import Prompt
from approvals.policies import summary
from approvals.policies.answers import REASONS
from approvals.policies.consequences import consequences
from approvals.policies.evidence import evidence
from approvals.queries import PromptView
from approvals.states import (
    NEGATIVE,
    REJECTIONS,
    Decision,
    InvalidDecision,
    PromptStatus,
    Refused,
    keyed,
)
from approvals.views import answering, prose, together
from flowapp.tenancy.actors import Actor

_NO_COST: Final = Decimal(0)  # nothing that runs today costs anything; the cost room will know


def detail(view: PromptView, *, viewer: Actor) -> dict[str, Any]:
    """The context of the detail fragment."""
    pending = view.status == PromptStatus.PENDING
    refused = actions.why_not(view.id, by=viewer) if pending else None
    return {
        "id": view.id,
        "verb_sentence": _sentence(view),
        "title": view.title,
        "message_html": prose.html(view.message) if view.message else "",
        "type": view.type,
        "risk": view.risk,
        "status": view.status,
        "workflow": view.workflow,
        "step": view.name,
        "run_id": view.run_id,
        "run_url": f"/runs/{view.run_id}/",
        "created_at": view.created_at,
        "due_at": view.due_at,
        "version": view.version,
        "requester": view.requester,
        "assignees": view.assignees,
        "consequences": consequences(view) if pending else [],
        "reversible": view.options.get("reversible"),
        "payload_rows": summary.rows(view.data),
        "payload_json": summary.masked(view.data),
        "files": view.attachments,
        "why": _why(view),
        "similar": [_past(past) for past in queries.similar(view)],
        "votes": [
            _decision(vote, view.outcomes) | {"stage": vote.stage, "superseded": vote.superseded} for vote in view.votes
        ],
        "cost_usd": _NO_COST,
        "outcomes": [_outcome(view, outcome) for outcome in keyed(view.outcomes)],
        "reason_presets": REASONS,
        "can_decide": pending and refused is None,
        "why_not": str(refused) if refused else "",
        **together.context(view, viewer, refused),
        "decision": _decision(view.decision, view.outcomes) if view.decision else None,
        "form_error": "",
        "typed_outcome": "",
        "typed_reason": "",
        **answering.context(view, may_answer=pending and refused is None),
    }


def refused(context: dict[str, Any], error: Refused, back: dict[str, Any]) -> dict[str, Any]:
    """The same page after a decision was not taken: it says why, and keeps what was typed."""
    return context | back | {"form_error": _said(error, back)}


def _said(error: Refused, back: Mapping[str, Any]) -> str:
    """The refusal in words. What is wrong with the reason or the data is said at its field."""
    if not isinstance(error, InvalidDecision):
        return str(error)
    said = [one["msg"] for one in error.errors if one["field"] == "reasoning"]
    said += [f"{one['field']}: {one['msg']}" for one in error.errors if one["field"] in ("outcome", "version")]
    said += back["unplaced"]
    return " ".join(said) or "Not sent yet. Correct what is marked; what you typed is still here."


def _sentence(view: PromptView) -> str:
    if view.requester is None or view.requester.kind not in ("person", "agent"):
        return view.title
    return f"{view.requester.name} asks: {view.title}"


def _outcome(view: PromptView, outcome: dict[str, Any]) -> dict[str, Any]:
    asked = outcome["needs_reason"] or view.options.get("require_reason") or outcome["value"] in REJECTIONS
    return outcome | {"needs_reason": bool(asked)}


def _why(view: PromptView) -> dict[str, Any] | None:
    return {
        "rule": question.demands(view),
        "policy": view.options.get("policy"),
        "confidence": view.options.get("confidence"),
        "evidence": evidence(view.options),
    }


def _decision(decision: Decision[Any], outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    labels = {outcome["value"]: str(outcome["label"]).rstrip("…") for outcome in outcomes}
    return {
        "outcome": decision.outcome,
        "label": labels.get(decision.outcome, decision.outcome),
        "negative": decision.outcome in NEGATIVE,
        "timed_out": decision.timed_out,
        "by": decision.by,
        "at": decision.at,
        "channel": decision.channel,
        "reasoning": decision.reasoning,
    }


def _past(past: Prompt) -> dict[str, Any]:
    ended_by = getattr(past, "ended_by", [])
    found = _decision(ended_by[0].result(), past.outcomes) if ended_by else {}
    return {"id": past.pk, "title": past.title, **found}
