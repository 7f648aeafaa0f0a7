"""A prompt as a message in Slack: buttons while its reader may answer there, and never any once they may not."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID, uuid5

from approvals import queries
from approvals.actions import eligibility
from approvals.actions.channels import dialogs, question
from approvals.actions.channels.inputs import plain
from approvals.models import Decision
from approvals.policies.evidence import evidence
from approvals.policies.notices import Kind
from approvals.queries import PromptView
from approvals.states import PromptNotFound, PromptStatus, Refused, StepUpRequired
from flowapp.integrations import outbox, slack
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.slack import Shown
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member

PRESS: Final = "prompt.decide"
STUCK: Final = "stuck"
_STYLES: Final = {"primary": "primary", "danger": "danger"}
_SECTION: Final = 2900  # characters; Slack takes 3,000 in a block, 50 blocks in a message, 150 in a header
_MOST_BLOCKS: Final = 40
_MOST_BUTTONS: Final = 20  # Slack takes 25 beside each other


@outbox.sender("slack")
def send(message: OutboxMessage) -> None:
    """Bring a member's message about a prompt to what the prompt is now; the first time, post it."""
    payload = message.payload
    member = tenancy.members().filter(pk=payload["member"]).first()
    if member is None:
        return
    prompt_id = UUID(payload["prompt"])
    if payload.get("about") == "end":
        slack.messages.show(end_of(prompt_id), member, lambda: _ended(prompt_id))
        return
    if payload.get("about") == STUCK:
        slack.messages.show(stuck_of(prompt_id), member, lambda: _stuck(prompt_id))
        return
    slack.messages.show(prompt_id, member, lambda: shown(prompt_id, member))
    if payload["kind"] == Kind.REMINDER and _waits_for(prompt_id, member):
        slack.messages.remark(prompt_id, member, "Still waiting for an answer.")


def put_again(prompt_id: UUID, member: Member) -> None:
    """Have this member's message brought to what the prompt is now, and nobody else's."""
    payload = {"prompt": str(prompt_id), "member": str(member.pk), "kind": None, "about": "prompt"}
    outbox.put("slack", f"{prompt_id}:{member.pk}:again:{uuid7().hex}", payload)


def end_of(prompt_id: UUID) -> UUID:
    """The subject of the message that tells its requester how a prompt ended."""
    return uuid5(prompt_id, "end")


def stuck_of(prompt_id: UUID) -> UUID:
    """The subject of the message that tells whoever can help that nobody can decide a prompt."""
    return uuid5(prompt_id, STUCK)


def shown(prompt_id: UUID, member: Member) -> Shown:
    """The prompt as it is now, for this reader."""
    try:
        view = queries.prompt_detail(prompt_id)
    except PromptNotFound:
        return Shown("This prompt is gone.", [_text("This prompt is gone.")], worth_posting=False)
    closing = _standing(view, member)
    answerable = closing is None
    blocks, whole = _body(view)
    if closing is not None:
        blocks.append(_text(closing))
    elif why := question.elsewhere(view) or _too_much(view, whole=whole):
        blocks += [_text(why), _actions([_link(view)])]
    else:
        blocks.append(_actions([*_buttons(view), _link(view)]))
    return Shown(question.sentence(view)[:_SECTION], blocks, worth_posting=answerable)


def _too_much(view: PromptView, *, whole: bool) -> str:
    if not whole:
        return "It is too long for Slack. Open it to answer."
    return "" if dialogs.fits(view) else "Its form does not fit into Slack. Open it to answer."


def _waits_for(prompt_id: UUID, member: Member) -> bool:
    return shown(prompt_id, member).worth_posting


def _standing(view: PromptView, member: Member) -> str | None:
    """What keeps this reader from answering, in words; None while they may."""
    if view.status != PromptStatus.PENDING:
        return question.ending(view)
    answered = Decision.objects.filter(prompt=view.id, stage=view.stage, member=member)
    if view.votes and (own := answered.first()):
        label = next((one["label"] for one in question.outcomes(view) if one["value"] == own.outcome), own.outcome)
        return f"You answered “{label}”. More answers are needed."
    refusal = _refusal(view.id, member)
    return str(refusal) if refusal else None


def _refusal(prompt_id: UUID, member: Member) -> Refused | None:
    refusal = eligibility.why_not(prompt_id, by=tenancy.actor_for(member))
    return None if isinstance(refusal, StepUpRequired) else refusal


def _ended(prompt_id: UUID) -> Shown:
    view = queries.prompt_detail(prompt_id)
    text = f"{view.title}\n{question.ending(view)}"
    return Shown(text[:_SECTION], [*_paragraphs(text), _actions([_link(view)])])


def _stuck(prompt_id: UUID) -> Shown:
    view = queries.prompt_detail(prompt_id)
    why = question.stuck(view)
    over = question.ending(view) or "Somebody can decide it now."
    text = "\n".join([view.title, *(["This may never be decided.", *why] if why else [over])])
    return Shown(text[:_SECTION], [*_paragraphs(text), _actions([_link(view)])], worth_posting=bool(why))


def _body(view: PromptView) -> tuple[list[dict[str, Any]], bool]:
    """What is asked, on what, and what follows; and whether all of it is there."""
    blocks = _paragraphs(question.sentence(view), bold=True)
    for line in question.payload(view):
        blocks += _paragraphs(f"{line['label']}: {line['value']}")
    if view.message:
        blocks.append(_context("In the words of the workflow or its requester, not Flowapp's:"))
        blocks += _paragraphs(view.message)
    for lines in _around(view):
        blocks += _paragraphs(lines)
    return blocks[:_MOST_BLOCKS], len(blocks) <= _MOST_BLOCKS and len(view.outcomes) <= _MOST_BUTTONS


def _around(view: PromptView) -> list[str]:
    """What else to know: what follows and why it is asked, the evidence, the files."""
    pieces = [f"Evidence: {one['label']}{_at(one)}" for one in evidence(view.options)]
    files = [f"Attached: {one}" for one in question.files(view)]
    return ["\n".join(lines) for lines in (question.facts(view), pieces, files) if lines]


def _at(one: dict[str, str]) -> str:
    return f" ({one['url']})" if one["url"] and one["url"] != one["label"] else ""


def _buttons(view: PromptView) -> list[dict[str, Any]]:
    return [_button(view, outcome) for outcome in question.outcomes(view)]


def _button(view: PromptView, outcome: dict[str, Any]) -> dict[str, Any]:
    value = {"prompt": str(view.id), "outcome": outcome["value"], "version": view.version}
    label = outcome["label"] + ("…" if dialogs.wanted(view, outcome["value"]) else "")
    button: dict[str, Any] = {
        "type": "button",
        "action_id": f"{PRESS}:{outcome['value']}",
        "text": plain(label[:75]),
        "value": json.dumps(value),
    }
    if style := _STYLES.get(outcome.get("tone", "")):
        button["style"] = style
    return button


def _link(view: PromptView) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": "prompt.open",
        "text": plain("Open in Flowapp"),
        "url": question.address(view.id),
    }


def _actions(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "actions", "elements": elements}


def _paragraphs(text: str, *, bold: bool = False) -> list[dict[str, Any]]:
    """The text in as many blocks as it needs, as it is: nothing in it is read as formatting, a link or a mention."""
    parts = [text[at : at + _SECTION] for at in range(0, len(text), _SECTION)] or ["–"]
    if bold and len(text) <= 150:
        return [{"type": "header", "text": plain(text)}]
    return [_text(part) for part in parts]


def _text(text: str) -> dict[str, Any]:
    return {"type": "section", "text": plain(text[:_SECTION] or "–")}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [plain(text)]}
