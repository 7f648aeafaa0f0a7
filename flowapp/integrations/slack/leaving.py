"""Leaving a team: its messages lose their buttons, which would only fail, and then its token is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings

from flowapp.engine import clock
from flowapp.integrations import outbox
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.outbox import GiveUp, TryAgain
from flowapp.integrations.slack import connections, messages
from flowapp.integrations.slack.messages import Shown

_AT_ONCE: Final = 40  # messages; Slack lets one app change about fifty a minute
_LONGEST: Final = timedelta(hours=12)  # a token is not kept for a team that cannot be reached


@outbox.sender(connections.LEAVE)
def leave(message: OutboxMessage) -> None:
    """Take the buttons off some messages; once none is left, or Slack no longer lets us, forget the team."""
    connected = connections.left()
    if connected is None or connected.leaving_at is None:
        return  # connected again, or forgotten
    if clock.now() - connected.leaving_at < _LONGEST:
        try:
            done = messages.close_some(connected, _AT_ONCE, _words())
        except GiveUp:
            done = True
        if not done:
            raise TryAgain("more messages are to lose their buttons", after=1)
    connections.forget(connected)


def _words() -> Shown:
    text = f"Slack was disconnected from Flowapp. What was asked here is answered at {settings.FLOWAPP_BASE_URL}"
    return Shown(text, [{"type": "section", "text": {"type": "plain_text", "text": text}}])
