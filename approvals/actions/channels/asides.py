"""What is said in Slack to one person only, and messages brought up to date after they pressed something."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from approvals.actions.channels import showing
from approvals.models import Prompt
from flowapp.engine import clock
from flowapp.integrations import outbox, slack
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.slack import Interaction
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member

_ON_ITS_WAY: Final = timedelta(minutes=1)  # since when the end of a prompt has been told to everybody's message


def who_are_you(done: Interaction) -> str:
    """What somebody is told whose Slack account is nobody's here."""
    address = f"{settings.FLOWAPP_BASE_URL}{reverse('notifications')}"
    return f"Flowapp does not know who you are. Link this Slack account, whose member ID is {done.user}, at {address}"


def say(done: Interaction, asked: dict[str, Any], text: str) -> None:
    """Tell the one who pressed, and nobody else, beneath the message."""
    channel = asked["channel"] or done.user
    key = f"{asked['prompt']}:{uuid7().hex}"  # says for whoever looks there what it was about
    outbox.put("slack-aside", key, {"channel": channel, "user": done.user, "text": text})


@outbox.sender("slack-aside")
def post(message: OutboxMessage) -> None:
    """Post what only one person sees."""
    connected = slack.connections.connection()
    if connected is not None:
        client = slack.client(slack.connections.bot_token(connected))
        with slack.delivering():
            client.chat_postEphemeral(**message.payload)


def show_again(asked: dict[str, Any], member: Member) -> None:
    """What was pressed is out of date now, even on a message whose place was never noted. Others hear of a change."""
    prompt = Prompt.objects.filter(pk=UUID(asked["prompt"])).only("closed_at").first()
    if prompt is None:
        return
    known = slack.messages.known(prompt.pk, member)
    just_ended = prompt.closed_at is not None and prompt.closed_at > clock.now() - _ON_ITS_WAY
    if known is not None and known.live and not just_ended:
        showing.put_again(prompt.pk, member)
    stands = (asked["channel"], asked["ts"])
    if all(stands) and (known is None or (known.channel, known.ts) != stands):
        payload = {"prompt": asked["prompt"], "member": str(member.pk), "channel": stands[0], "ts": stands[1]}
        outbox.put("slack-stray", uuid7().hex, payload)


@outbox.sender("slack-stray")
def show_stray(message: OutboxMessage) -> None:
    """Take the buttons off a message that was posted twice because the first post's answer got lost."""
    payload = message.payload
    member = tenancy.members().filter(pk=payload["member"]).first()
    if member is not None:
        slack.messages.show_at(payload["channel"], payload["ts"], showing.shown(UUID(payload["prompt"]), member))
