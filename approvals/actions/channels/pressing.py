"""What people press in Slack: a button decides at once, or opens a dialog for the reason, which then decides.

It ends in `decide`, like every channel. Slack is answered when that is committed; what else there is to say (you may
not, somebody was first, link your account) goes out through the outbox, so that a slow Slack delays no answer.
"""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from slack_sdk.errors import SlackClientError

from approvals import queries
from approvals.actions import deciding
from approvals.actions.channels import question, showing
from approvals.actions.telling import News, tell
from approvals.models import Prompt
from approvals.policies.answers import LONGEST_REASON
from approvals.states import InvalidDecision, PromptNotFound, PromptStatus, Refused
from flowapp.integrations import outbox, slack
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.slack import Interaction
from flowapp.integrations.slack.bolt import pressed, submitted
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member

CHANNEL: Final = "slack"
_REASON: Final = "prompt.reason"
_LONGEST: Final = 3000  # characters in one of Slack's text fields


@pressed(showing.PRESS)
def on_button(done: Interaction) -> None:
    """Decide, or ask for the reason first."""
    asked = json.loads(done.body["actions"][0]["value"])
    stands = done.body.get("container", {})
    asked |= {"channel": stands.get("channel_id", ""), "ts": stands.get("message_ts", "")}
    member = slack.people.member_of(done.user)
    if member is None:
        _say(done, asked, _who_are_you(done))
    elif _needs_reason(asked):
        _ask_reason(done, asked)
    else:
        try:
            _decide(asked, member, reasoning="")
        except Refused as refused:
            _say(done, asked, str(refused))
            _show_again(asked, member)


@submitted(_REASON)
def on_reason(done: Interaction) -> dict[str, Any] | None:
    """Decide with the reason that was typed. A refusal is said in the dialog, which keeps what was typed."""
    view = done.body["view"]
    asked = json.loads(view["private_metadata"])
    reasoning = view["state"]["values"]["reason"]["text"].get("value") or ""
    member = slack.people.member_of(done.user)
    if member is None:
        return _error(_who_are_you(done))
    if not reasoning.strip():
        return _error("Say why, so that the requester knows what to change.")
    try:
        _decide(asked, member, reasoning=reasoning)
    except InvalidDecision as invalid:
        return _error("; ".join(one["msg"] for one in invalid.errors))
    except Refused as refused:
        _show_again(asked, member)
        return _error(str(refused))
    return None


def _decide(asked: dict[str, Any], member: Member, *, reasoning: str) -> None:
    deciding.decide(
        UUID(asked["prompt"]),
        by=tenancy.actor_for(member),
        outcome=asked["outcome"],
        reasoning=reasoning,
        version=asked["version"],
        channel=CHANNEL,
    )
    _show_again(asked, member)


def _needs_reason(asked: dict[str, Any]) -> bool:
    """Whether this answer wants words. What is over needs none: deciding says what ended it."""
    try:
        view = queries.prompt_detail(UUID(asked["prompt"]))
    except PromptNotFound:
        return False
    known = {one["value"]: one["needs_reason"] for one in question.outcomes(view)}
    return view.status == PromptStatus.PENDING and bool(known.get(asked["outcome"]))


def _ask_reason(done: Interaction, asked: dict[str, Any]) -> None:
    view = queries.prompt_detail(UUID(asked["prompt"]))
    label = next(one["label"] for one in question.outcomes(view) if one["value"] == asked["outcome"])
    try:
        done.slack.views_open(trigger_id=done.body["trigger_id"], view=_dialog(view.title, label, asked))
    except (SlackClientError, OSError):
        _say(done, asked, "Slack could not open the dialog for your reason. Press the button again, or open the page.")


def _dialog(title: str, label: str, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": _REASON,
        "private_metadata": json.dumps(asked),
        "title": _plain(label[:24]),
        "submit": _plain(label[:24]),
        "close": _plain("Back"),
        "blocks": [
            {"type": "section", "text": _plain(title[:_LONGEST])},
            {
                "type": "input",
                "block_id": "reason",
                "label": _plain("Reason"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "text",
                    "multiline": True,
                    "max_length": min(_LONGEST, LONGEST_REASON),
                },
            },
        ],
    }


def _error(message: str) -> dict[str, Any]:
    return {"response_action": "errors", "errors": {"reason": message[:150]}}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def _who_are_you(done: Interaction) -> str:
    token = slack.people.link_token(done.connection, done.user, done.user_name)
    address = f"{settings.FLOWAPP_BASE_URL}{reverse('slack-link', args=[token])}"
    return f"Flowapp does not know who you are yet. Link your account within ten minutes: {address}"


def _say(done: Interaction, asked: dict[str, Any], text: str) -> None:
    """Tell the one who pressed, and nobody else, beneath the message."""
    channel = asked["channel"] or done.user
    outbox.put("slack-aside", uuid7().hex, {"channel": channel, "user": done.user, "text": text})


@outbox.sender("slack-aside")
def say(message: OutboxMessage) -> None:
    """Post what only one person sees."""
    connected = slack.connections.connection()
    if connected is not None:
        client = slack.client(slack.connections.bot_token(connected))
        with slack.delivering():
            client.chat_postEphemeral(**message.payload)


def _show_again(asked: dict[str, Any], member: Member) -> None:
    """Whatever was pressed is out of date now, even on a message whose place was never noted."""
    prompt = Prompt.objects.filter(pk=UUID(asked["prompt"])).first()
    if prompt is None:
        return
    tell(prompt, News.VOTED)
    stands = (asked["channel"], asked["ts"])
    if all(stands) and slack.messages.stands_at(prompt.pk, member) != stands:
        payload = {"prompt": asked["prompt"], "member": str(member.pk), "channel": stands[0], "ts": stands[1]}
        outbox.put("slack-stray", uuid7().hex, payload)


@outbox.sender("slack-stray")
def show_stray(message: OutboxMessage) -> None:
    """Take the buttons off a message that was posted twice because the first post's answer got lost."""
    payload = message.payload
    member = tenancy.members().filter(pk=payload["member"]).first()
    if member is not None:
        slack.messages.show_at(payload["channel"], payload["ts"], showing.shown(UUID(payload["prompt"]), member))
