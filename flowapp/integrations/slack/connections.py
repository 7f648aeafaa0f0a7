"""Which Slack team a workspace is connected to: connecting it, taking it away, and its two secrets."""

from __future__ import annotations

import re
import time
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from slack_sdk.errors import SlackApiError, SlackClientError

from flowapp import audit
from flowapp.engine import clock
from flowapp.integrations import outbox
from flowapp.integrations import slack_tables as tables
from flowapp.integrations.slack.client import client
from flowapp.integrations.slack.granted import check_granted
from flowapp.tenancy import secrets
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import current, scoped
from flowapp.tenancy.secrets import Place


class CannotConnect(Exception):
    """Slack was not connected; the message says what to correct, `field` where."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


def connection() -> tables.SlackConnection | None:
    """The connection of the workspace in scope."""
    return tables.SlackConnection.objects.filter(leaving_at=None).first()


def left() -> tables.SlackConnection | None:
    """The connection that was taken away while messages in Slack still had buttons."""
    return tables.SlackConnection.objects.exclude(leaving_at=None).first()


def is_connected() -> bool:
    """Whether the workspace in scope has a connection. What another process connects counts after a few seconds."""
    until, known = _known.get(current(), (0.0, False))
    if time.monotonic() >= until:
        known = connection() is not None
        _known[current()] = (time.monotonic() + _REMEMBER, known)
    return known


_BOT_TOKEN: Final = re.compile(r"xoxb-[A-Za-z0-9-]{1,500}")
LEAVE: Final = "slack-leave"
_REMEMBER: Final = 5.0  # seconds; asked for each prompt that opens
_known: dict[UUID, tuple[float, bool]] = {}


def of_team(team_id: str) -> tables.SlackConnection | None:
    """The connection that a call of Slack's is for. Finds the scope."""
    return tables.SlackConnection.unscoped.filter(team_id=team_id, leaving_at=None).first()


def bot_token(connected: tables.SlackConnection) -> str:
    """The token in the clear."""
    with scoped(connected.workspace_id):
        return secrets.unseal(connected.bot_token, _place(connected.pk, "bot_token"))


def signing_secret(connected: tables.SlackConnection) -> str:
    """What Slack signs its calls with, in the clear."""
    with scoped(connected.workspace_id):
        return secrets.unseal(connected.signing_secret, _place(connected.pk, "signing_secret"))


def connect(*, bot_token: str, signing_secret: str, by: Actor) -> tables.SlackConnection:
    """Connect the workspace, or renew its connection; Slack is asked whose token it is.

    Raises CannotConnect, NotAllowed.
    """
    check_granted(by)
    if not _BOT_TOKEN.fullmatch(bot_token):
        raise CannotConnect("bot_token", "This is no bot token: it begins with xoxb- (OAuth & Permissions in Slack).")
    if len(signing_secret) < 16:
        raise CannotConnect("signing_secret", "This is no signing secret: it stands under Basic Information in Slack.")
    try:
        team = client(bot_token).auth_test()
    except SlackApiError as error:
        raise CannotConnect("bot_token", f"Slack refused this token: {error.response['error']}.") from None
    except (SlackClientError, OSError):
        raise CannotConnect("bot_token", "Slack did not answer. Try again in a moment.") from None
    found = {name: str(team.get(name) or "") for name in ("team_id", "team", "user_id", "bot_id")}
    return _keep(found, bot_token=bot_token, signing_secret=signing_secret, by=by)


@transaction.atomic
def disconnect(*, by: Actor) -> None:
    """Hear and post nothing more, and forget who is who. The token goes once no message has a button left.

    Raises NotAllowed.
    """
    check_granted(by)
    connected = connection()
    if connected is None:
        return
    connected.leaving_at = clock.now()
    connected.save(update_fields=["leaving_at"])
    tables.SlackUser.objects.all().delete()
    tables.SlackLinkRequest.objects.all().delete()
    if tables.SlackMessage.objects.filter(live=True).exclude(ts="").exists():
        outbox.put(LEAVE, uuid7().hex, {})
    else:
        forget(connected)
    _known.pop(current(), None)
    audit.record(by=by, verb="slack.disconnected", target=f"slack:{connected.team_id}")


@transaction.atomic
def forget(connected: tables.SlackConnection) -> None:
    """Forget a team that was left, and where messages stand."""
    tables.SlackMessage.objects.all().delete()
    connected.delete()


@transaction.atomic
def _keep(team: dict[str, str], *, bot_token: str, signing_secret: str, by: Actor) -> tables.SlackConnection:
    known = connection() or left()
    if known is not None and known.leaving_at and known.team_id != team["team_id"]:
        forget(known)
        known = None
    if known is not None and known.team_id != team["team_id"]:
        raise CannotConnect("bot_token", f"This workspace is connected to {known.team_name}. Disconnect that first.")
    _free(team["team_id"])
    connected = known or tables.SlackConnection(id=uuid7(), workspace_id=current())
    connected.team_id, connected.team_name = team["team_id"], team["team"]
    connected.bot_user_id, connected.bot_id = team["user_id"], team["bot_id"]
    connected.bot_token = secrets.seal(bot_token, _place(connected.pk, "bot_token"))
    connected.signing_secret = secrets.seal(signing_secret, _place(connected.pk, "signing_secret"))
    connected.connected_at, connected.leaving_at = clock.now(), None
    try:
        with transaction.atomic():
            connected.save()
    except IntegrityError:
        raise CannotConnect("bot_token", "Another workspace is connected to this Slack team.") from None
    _known.pop(current(), None)
    after = {"team": connected.team_name, "team_id": connected.team_id}
    audit.record(by=by, verb="slack.connected", target=f"slack:{connected.team_id}", after=after)
    return connected


def _free(team_id: str) -> None:
    """Forget at once that another workspace was leaving this team; the buttons it left there do nothing any more."""
    leaving = tables.SlackConnection.unscoped.filter(team_id=team_id).exclude(leaving_at=None)
    for one in leaving.exclude(workspace_id=current()):
        with scoped(one.workspace_id):
            forget(one)


def _place(row: UUID, field: str) -> Place:
    return Place("integrations_slackconnection", row, field)
