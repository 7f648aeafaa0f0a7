"""Linking an account: a member asks for it here, and whoever holds the account says yes in Slack, once and soon.

So it is bound to both: nobody can answer as a member who did not ask for it, nor by an account that did not say yes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from flowapp import audit
from flowapp.audit import queries as audited
from flowapp.engine import clock
from flowapp.integrations import outbox
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.slack import connections, people
from flowapp.integrations.slack.bolt import Interaction, pressed
from flowapp.integrations.slack.client import client, delivering
from flowapp.integrations.slack.granted import check_granted
from flowapp.integrations.slack_tables import SlackLinkRequest
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Member

LASTS: Final = timedelta(minutes=10)
MOST: Final = 5  # asks of a member within WHILE: each is a message to somebody
WHILE: Final = timedelta(hours=1)
_ASKED: Final = "slack.link-asked"
_CHANNEL: Final = "slack-link"
_YES: Final = "slack.link"
_ACCOUNT: Final = re.compile(r"[UW][A-Z0-9]{2,30}")
_OVER: Final = "This button was used already, or is older than ten minutes. Ask again on Flowapp's Notifications page."


class CannotAsk(Exception):
    """No account was asked; the class says why."""

    def __str__(self) -> str:
        return str(self.__doc__)


class NoAccount(CannotAsk):
    """This is no member ID of Slack's: it begins with U or W and stands in your Slack profile, under “…”."""


class NoSlack(CannotAsk):
    """Slack is not connected: an owner or admin connects it under Slack, in the settings."""


class TooOften(CannotAsk):
    """You may ask five times an hour. Try again later."""


@transaction.atomic
def ask(*, member: Member, slack_id: str, by: Actor) -> None:
    """Ask a Slack account whether it is this member's, in place of a wish for another; once while that stands.

    Raises CannotAsk, TakenAccount, NotAllowed.
    """
    check_granted(by)
    if connections.connection() is None:
        raise NoSlack
    if not _ACCOUNT.fullmatch(slack_id):
        raise NoAccount
    if people.belongs_to_another(slack_id, member):
        raise people.TakenAccount
    Member.objects.select_for_update(no_key=True).get(pk=member.pk)  # one ask of a member at a time is counted
    wishes, now, target = SlackLinkRequest.objects.filter(member=member), clock.now(), f"member:{member.pk}"
    if wishes.filter(slack_id=slack_id, expires_at__gt=now).exists():
        return
    if audited.count(target=target, verb=_ASKED, since=now - WHILE) >= MOST:
        raise TooOften
    wishes.delete()
    wish = SlackLinkRequest.objects.create(member=member, slack_id=slack_id, expires_at=now + LASTS)
    audit.record(by=by, verb=_ASKED, target=target, after={"slack": slack_id})
    outbox.put(_CHANNEL, wish.pk.hex, {"wish": str(wish.pk)})


@outbox.sender(_CHANNEL)
def post(message: OutboxMessage) -> None:
    """Put the question to the account, or say beneath it what came of it."""
    connected = connections.connection()
    if connected is None:
        return
    slack, payload = client(connections.bot_token(connected)), message.payload
    if "ts" in payload:
        with delivering():
            slack.chat_update(**payload, blocks=[_text(payload["text"])])
        return
    waiting = SlackLinkRequest.objects.filter(expires_at__gt=clock.now()).select_related("member__user")
    wish = waiting.filter(pk=payload["wish"]).first()
    if wish is not None:
        user = wish.member.user
        text = f"{user.name} ({user.email}) says in Flowapp that this Slack account is theirs."
        with delivering():
            slack.chat_postMessage(channel=wish.slack_id, text=text, blocks=_question(text, wish))


@pressed(_YES)
def on_yes(done: Interaction) -> None:
    """Link the account, if the one who holds it was asked, and nobody said yes before."""
    with transaction.atomic():
        pressed_for = UUID(done.body["actions"][0]["value"])
        wish = SlackLinkRequest.objects.select_for_update(of=("self",)).select_related("member__user")
        found = wish.filter(pk=pressed_for, slack_id=done.user, expires_at__gt=clock.now()).first()
        text = _OVER if found is None else _linked(found)
        stands = done.body["container"]
        key = f"{pressed_for.hex}:{stands['message_ts']}:{found is not None}"
        outbox.put(_CHANNEL, key, {"channel": stands["channel_id"], "ts": stands["message_ts"], "text": text})


def _linked(wish: SlackLinkRequest) -> str:
    member = wish.member
    wish.delete()
    try:
        people.link(member=member, slack_id=wish.slack_id, by=tenancy.actor_for(member))
    except people.TakenAccount as taken:
        return str(taken)
    return f"What you press here now counts as the answer of {member.user.name} ({member.user.email})."


def _question(text: str, wish: SlackLinkRequest) -> list[dict[str, Any]]:
    more = "Say yes only if that is you, and you asked for it just now. What you press here then counts as theirs."
    words = {"type": "plain_text", "text": "Yes, this is me"}
    button = {"type": "button", "action_id": _YES, "value": str(wish.pk), "text": words, "style": "primary"}
    return [_text(text), _text(more), {"type": "actions", "elements": [button]}]


def _text(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
