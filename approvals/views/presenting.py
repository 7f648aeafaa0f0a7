"""A prompt as the detail page shows it: what is asked, what follows from each answer, and exactly what will run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from approvals import actions, queries
from approvals.models import Prompt
from approvals.policies import summary
from approvals.policies.escalation import Turn, chain_of, plan_of
from approvals.queries import PromptView
from approvals.states import NEGATIVE, REJECTIONS, Decision, InvalidDecision, PromptStatus, PromptType, Refused
from approvals.views import prose
from flowapp.tenancy.actors import Actor

REASONS: Final = ("More information is needed", "The amount is wrong", "Against our policy", "No longer needed")
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
        "stage": "escalated" if view.level else "",
        "workflow": view.workflow,
        "step": view.name,
        "run_id": view.run_id,
        "run_url": f"/runs/{view.run_id}/",
        "created_at": view.created_at,
        "due_at": view.due_at,
        "version": view.version,
        "requester": view.requester,
        "assignees": view.assignees,
        "consequences": _consequences(view) if pending else [],
        "reversible": view.options.get("reversible"),
        "payload_rows": summary.rows(view.data),
        "payload_json": summary.masked(view.data),
        "diff": _diff(view),
        "why": _why(view),
        "similar": [_past(past) for past in queries.similar(view)],
        "votes": [],
        "cost_usd": _NO_COST,
        "outcomes": [_outcome(view, outcome) for outcome in view.outcomes],
        "reason_presets": REASONS,
        "can_decide": pending and refused is None,
        "why_not": str(refused) if refused else "",
        "decision": _decision(view.decision, view.outcomes) if view.decision else None,
        "form_error": "",
        "typed_outcome": "",
        "typed_reason": "",
    }


def refused(context: dict[str, Any], error: Refused, typed: Mapping[str, str]) -> dict[str, Any]:
    """The same page after a decision was not taken: it says why, and keeps what was typed."""
    return context | {
        "form_error": _said(error),
        "typed_outcome": typed.get("outcome", ""),
        "typed_reason": typed.get("reasoning", ""),
    }


def _said(error: Refused) -> str:
    """The refusal in words. A wrong reason needs no name: it is said at its field."""
    if not isinstance(error, InvalidDecision):
        return str(error)
    return "; ".join(
        one["msg"] if one["field"] == "reasoning" else f"{one['field']}: {one['msg']}" for one in error.errors
    )


def _sentence(view: PromptView) -> str:
    if view.requester is None or view.requester.kind not in ("person", "agent"):
        return view.title
    return f"{view.requester.name} asks: {view.title}"


def _outcome(view: PromptView, outcome: dict[str, Any]) -> dict[str, Any]:
    asked = outcome["needs_reason"] or view.options.get("require_reason") or outcome["value"] in REJECTIONS
    return outcome | {"needs_reason": bool(asked)}


def _consequences(view: PromptView) -> list[dict[str, str]]:
    return [*(_effect(outcome) for outcome in view.outcomes), {"label": "If nobody decides", "text": _silence(view)}]


def _effect(outcome: dict[str, Any]) -> dict[str, str]:
    label = str(outcome["label"]).rstrip("…")
    return {"label": f"On “{label}”", "text": outcome["effect"] or f"The run goes on with “{outcome['value']}”."}


def _silence(view: PromptView) -> str:
    turn = plan_of(view).next(level=view.level, since=view.asked_at)
    if turn is None:
        return "It waits until somebody does."
    at = f"{turn[0]:%d %b, %H:%M} UTC"
    if turn[1] == Turn.ESCALATE:
        chain = chain_of(view)
        others = ", ".join(chain[view.level][1]) if view.level < len(chain) else "the managers of those asked"
        return f"On {at} it goes to {others} as well."
    if view.on_timeout in view.outcome_values:
        return f"On {at} it expires, and the run goes on with “{view.on_timeout}” in nobody's name."
    return f"On {at} it expires, and the run is told that nobody decided."


def _why(view: PromptView) -> dict[str, Any] | None:
    confidence, evidence = view.options.get("confidence"), view.options.get("evidence", [])
    rule = "Whoever asked for it cannot decide it." if view.options.get("four_eyes") else ""
    return {"rule": rule, "confidence": confidence, "evidence": [_evidence(item) for item in evidence]}


def _evidence(item: Any) -> dict[str, str]:
    """A piece of evidence; only a web address becomes a link."""
    label, url = (item.get("label", ""), item.get("url", "")) if isinstance(item, dict) else (str(item), str(item))
    return {"label": str(label or url), "url": url if str(url).startswith(("https://", "http://")) else ""}


def _diff(view: PromptView) -> list[dict[str, str]]:
    if view.type != PromptType.EDIT or view.decision is None or view.decision.data is None:
        return []
    return summary.changes(view.data, view.decision.data)


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
