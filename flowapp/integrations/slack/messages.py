"""A message about a subject to a member: posted once, then kept as the subject now is. One thread writes it at a time.

The row is there before the subject is read, so whoever changes the subject afterwards finds the row and has it shown
again; and while one thread writes the message, the next one waits, so the last one to write has read last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from flowapp.engine import clock
from flowapp.integrations.outbox import TryAgain, let_go
from flowapp.integrations.slack import connections, people
from flowapp.integrations.slack.client import client, delivering
from flowapp.integrations.slack_tables import SlackConnection, SlackMessage
from flowapp.tenancy.models import Member

_BUSY: Final = timedelta(minutes=1)  # longer than posting takes, almost always
_GONE: Final = frozenset({"message_not_found", "channel_not_found", "cant_update_message", "is_inactive"})


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message shows: its blocks, and the line that notifications and screen readers give."""

    text: str
    blocks: list[dict[str, Any]]
    worth_posting: bool = True  # not for a first message: what is over needs none

    @property
    def live(self) -> bool:
        """Whether it has buttons that do something; a link is none."""
        elements = [one for block in self.blocks for one in block.get("elements", ()) if one["type"] == "button"]
        return any("url" not in one for one in elements)


_TWICE: Final = "This was posted twice. Look at the other message."
_STRAY: Final = Shown(_TWICE, [{"type": "section", "text": {"type": "plain_text", "text": _TWICE}}])
type Render = Callable[[], Shown]


def shown_to(subject: UUID) -> list[UUID]:
    """The members who have, or are about to have, a message about the subject."""
    return list(SlackMessage.objects.filter(subject=subject).values_list("member_id", flat=True))


def show(subject: UUID, member: Member, render: Render) -> None:
    """Post or update the member's message about the subject. For an outbox sender: raises TryAgain and GiveUp."""
    connected = connections.connection()
    if connected is None:
        return
    slack = client(connections.bot_token(connected))
    until = clock.now() + _BUSY
    row, new = SlackMessage.objects.get_or_create(subject=subject, member=member, defaults={"busy_until": until})
    with _alone(row, until, held=new):
        shown = render()
        with delivering():
            _write(slack, row, member, shown)
        row.live = shown.live


def _write(slack: WebClient, row: SlackMessage, member: Member, shown: Shown) -> None:
    if row.ts:
        _update(slack, row, shown)
    elif shown.worth_posting and (account := people.account_of(member, slack)):
        let_go()
        posted = slack.chat_postMessage(channel=account, text=shown.text, blocks=shown.blocks, unfurl_links=False)
        _keep(slack, row, str(posted["channel"]), str(posted["ts"]))


def _keep(slack: WebClient, row: SlackMessage, channel: str, ts: str) -> None:
    """Know where it was posted, at once, however long that took; of two that were posted the first one known stays."""
    if not SlackMessage.objects.filter(pk=row.pk, ts="").update(channel=channel, ts=ts):
        _update(slack, SlackMessage(channel=channel, ts=ts), _STRAY)
    row.refresh_from_db(fields=["channel", "ts"])


def remark(subject: UUID, member: Member, text: str) -> None:
    """Say something beneath the member's message about the subject, which an update alone would not ring for."""
    connected, stands = connections.connection(), stands_at(subject, member)
    if connected is not None and stands is not None:
        with delivering():
            slack = client(connections.bot_token(connected))
            slack.chat_postMessage(channel=stands[0], thread_ts=stands[1], text=text, mrkdwn=False)


def show_at(channel: str, ts: str, shown: Shown) -> None:
    """Update a message that stands somewhere without being known: its post was cut off before it was noted."""
    connected = connections.connection()
    if connected is not None:
        with delivering():
            _update(client(connections.bot_token(connected)), SlackMessage(channel=channel, ts=ts), shown)


def stands_at(subject: UUID, member: Member) -> tuple[str, str] | None:
    """Where the member's message about the subject is known to stand."""
    row = known(subject, member)
    return (row.channel, row.ts) if row and row.ts else None


def known(subject: UUID, member: Member) -> SlackMessage | None:
    """What is known of the member's message about the subject, posted already or about to be."""
    found: SlackMessage | None = SlackMessage.objects.filter(subject=subject, member=member).first()
    return found


def close_some(connected: SlackConnection, limit: int, words: Shown) -> bool:
    """Put these words in the place of messages that have buttons, the oldest first; whether that was all of them."""
    slack = client(connections.bot_token(connected))
    rows = list(SlackMessage.objects.filter(live=True).exclude(ts="").order_by("id")[: limit + 1])
    for row in rows[:limit]:
        with _alone(row, clock.now() + _BUSY), delivering():
            _update(slack, row, words)
            row.live = False
    return len(rows) <= limit


def _update(slack: WebClient, row: SlackMessage, shown: Shown) -> None:
    try:
        slack.chat_update(channel=row.channel, ts=row.ts, text=shown.text, blocks=shown.blocks)
    except SlackApiError as error:
        if error.response.get("error") not in _GONE:  # somebody deleted it: nothing is left to press
            raise


@contextmanager
def _alone(row: SlackMessage, until: datetime, *, held: bool = False) -> Iterator[None]:
    """Nobody else writes the message meanwhile, as it was when the row was read; then keep whether it is live.

    `held`: it was created that way. Who took too long, so that another may have written it too, has to write it again.
    """
    same = SlackMessage.objects.filter(pk=row.pk, channel=row.channel, ts=row.ts, live=row.live)
    free = same.filter(Q(busy_until=None) | Q(busy_until__lte=clock.now()))
    if not held and not free.update(busy_until=until):
        raise TryAgain("the message is just being written", after=0.5)
    try:
        yield
    finally:
        mine = SlackMessage.objects.filter(pk=row.pk, busy_until=until)
        kept = mine.update(busy_until=None, live=row.live)
    if not kept:
        raise TryAgain("writing the message took too long", after=0.5)
