"""A prompt in words, for mails and Slack alike: what is asked, on exactly what, what follows, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from approvals.policies import summary
from approvals.policies.escalation import Turn, plan_of
from approvals.queries import PromptView
from approvals.states import REJECTIONS, Decision, PromptStatus, Risk, stage_in_words

IN: Final = {"web": "in the browser", "api": "through the API", "slack": "in Slack", "email": "by e-mail"}


def sentence(view: PromptView) -> str:
    """What is asked, and by whom."""
    if view.requester is None or view.requester.kind not in ("person", "agent"):
        return view.title
    return f"{view.requester.name} asks: {view.title}"


def address(prompt_id: UUID) -> str:
    """Where the prompt is answered in the browser, signed in."""
    return f"{settings.FLOWAPP_BASE_URL}{reverse('prompt', args=[prompt_id])}"


def elsewhere(view: PromptView) -> str:
    """Why it can be answered only in the browser, signed in; empty when an answer fits a button (SECURITY 9)."""
    if view.risk == Risk.HIGH or view.options.get("step_up"):
        return "This decision needs your second factor. Sign in to answer it."
    if view.schema is not None:
        return "It has a form to fill in. Sign in to answer it."
    if view.options.get("attachments"):
        return "It comes with files to look at. Sign in to answer it."
    return ""


def outcomes(view: PromptView) -> list[dict[str, Any]]:
    """The outcomes with their buttons' words. A rejection says why, and so does what was set to."""
    always = bool(view.options.get("require_reason"))
    return [
        {
            **outcome,
            "label": str(outcome["label"]).rstrip("…"),
            "needs_reason": bool(outcome["needs_reason"]) or always or outcome["value"] in REJECTIONS,
        }
        for outcome in view.outcomes
    ]


def facts(view: PromptView) -> list[str]:
    """What else to know before one answers: what each answer does, risk, stage, and what silence leads to."""
    found = [f"“{one['label']}”: {one['effect']}" for one in outcomes(view) if one["effect"]]
    if view.options.get("reversible") is False:
        found.append("This cannot be undone.")
    if view.risk != Risk.LOW:
        found.append(f"{view.risk.capitalize()} risk.")
    if stage := stage_in_words(view.stage, view.stages, view.level):
        found.append(f"{stage.capitalize()}.")
    if view.quorum > 1:
        found.append(f"{view.quorum} people must give the same answer.")
    turn = plan_of(view).next(level=view.level, since=view.asked_at)
    if turn:
        what = "it goes to others as well" if turn[1] == Turn.ESCALATE else "it expires"
        found.append(f"If nobody decides by {moment(turn[0])}, {what}.")
    return found


def payload(view: PromptView) -> list[dict[str, Any]]:
    """What is decided on, whole, as label and value, secrets masked."""
    return summary.rows(view.data)


def ending(view: PromptView) -> str:
    """How it ended; empty while it is open."""
    if view.status == PromptStatus.PENDING:
        return ""
    if view.decision and view.decision.by:
        return _decided(view, view.decision)
    if view.status == PromptStatus.CANCELLED:
        return "No longer asked: the run does not wait for it any more."
    if view.decision:
        return f"Nobody decided in time. The run went on with “{_label(view, view.decision.outcome)}”."
    return "Nobody decided in time, and the prompt expired."


def moment(at: datetime) -> str:
    """A moment, exactly, for readers whose zone is not known."""
    return f"{at.astimezone(UTC):%d %B %Y, %H:%M} UTC"


def _decided(view: PromptView, decision: Decision[Any]) -> str:
    by = decision.by.name if decision.by else ""
    if decision.by and decision.by.on_behalf_of:
        by = f"{by}, for {decision.by.on_behalf_of},"
    where = IN.get(decision.channel, f"through {decision.channel}")
    said = f"{by} decided “{_label(view, decision.outcome)}” on {moment(decision.at)}, {where}."
    return f"{said} Reason: {decision.reasoning}" if decision.reasoning else said


def _label(view: PromptView, value: str) -> str:
    return next((str(one["label"]).rstrip("…") for one in view.outcomes if one["value"] == value), value)
