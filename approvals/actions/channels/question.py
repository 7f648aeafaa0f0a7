"""A prompt in words, for mails and Slack alike: what is asked, on exactly what, what follows, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from approvals.policies import assignment, summary
from approvals.policies.consequences import consequences
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
    """Why it can be answered only in the browser, signed in; empty when other channels may do it too (SECURITY 9)."""
    if view.risk == Risk.HIGH or view.options.get("step_up"):
        return "This decision needs your second factor. Sign in to answer it."
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
    """What else to know before one answers: what each answer and silence lead to, and what is around it."""
    return [*(_consequence(one) for one in consequences(view)), *around(view)]


def around(view: PromptView) -> list[str]:
    """Whether it can be undone, its risk and stage, and why it is asked of them."""
    found: list[str] = []
    if view.options.get("reversible") is not None:
        found.append("This can be undone." if view.options["reversible"] else "This cannot be undone.")
    if view.risk != Risk.LOW:
        found.append(f"{view.risk.capitalize()} risk.")
    if stage := stage_in_words(view.stage, view.stages, view.level):
        found.append(f"{stage.capitalize()}.")
    return [*found, *filter(None, [demands(view), _ruling(view), _confidence(view)])]


def demands(view: PromptView) -> str:
    """What is wanted of those who decide, in a sentence or two."""
    quorum = f"{view.quorum} people must give the same answer." if view.quorum > 1 else ""
    four_eyes = "Whoever asked for it cannot decide it." if view.options.get("four_eyes") else ""
    kept = view.options.get("calendar")
    calendar = f"Its times count in the working hours of {kept['name']}." if kept else ""
    return " ".join(filter(None, (quorum, four_eyes, calendar)))


def files(view: PromptView) -> list[str]:
    """The files that come along, each with its size."""
    return [f"{one.name} ({filesizeformat(one.size)})" for one in view.attachments]


def _consequence(one: dict[str, Any]) -> str:
    by = f" by {moment(one['at'])}" if "at" in one else ""
    to = f" {assignment.in_words(one['to'])} as well." if "to" in one else ""
    return f"{one['label']}{by}: {one['text']}{to}"


def _ruling(view: PromptView) -> str:
    """Which of the workspace's rules was true of it, and what that said."""
    ruled = view.options.get("policy") or {}
    rule = ruled.get("rule")
    if rule is None:
        return ""
    said = ruled.get("note")
    return f"Rule {rule['name']} v{rule['number']} {f'is true of it: {said}' if said else 'wants people to decide.'}"


def _confidence(view: PromptView) -> str:
    confidence = view.options.get("confidence")
    return "" if confidence is None else f"Confidence: {min(max(float(confidence), 0.0), 1.0):.0%}."


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


def stuck(view: PromptView) -> list[str]:
    """What keeps it from ever being decided by those it is put to; nothing once it has ended."""
    found: list[str] = view.options.get("warnings", []) if view.status == PromptStatus.PENDING else []
    return found


def _decided(view: PromptView, decision: Decision[Any]) -> str:
    by = decision.by.name if decision.by else ""
    if decision.by and decision.by.on_behalf_of:
        by = f"{by}, for {decision.by.on_behalf_of},"
    where = IN.get(decision.channel, f"through {decision.channel}")
    said = f"{by} decided “{_label(view, decision.outcome)}” on {moment(decision.at)}, {where}."
    return f"{said} Reason: {decision.reasoning}" if decision.reasoning else said


def _label(view: PromptView, value: str) -> str:
    return next((str(one["label"]).rstrip("…") for one in view.outcomes if one["value"] == value), value)
