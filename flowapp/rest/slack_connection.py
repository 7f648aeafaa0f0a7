"""/v1/slack: which Slack team the workspace is connected to, and the caller's own account there."""

from datetime import datetime
from typing import Any

from django.conf import settings
from ninja import Router, Status
from pydantic import BaseModel, Field

from flowapp.http.access import SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem, invalid
from flowapp.http.requests import Request
from flowapp.integrations import slack
from flowapp.integrations.slack.connections import CannotConnect
from flowapp.tenancy.models import Member, Role

from .schemas import Text

router = Router(tags=["notifications"])
ADMINS = (Role.OWNER, Role.ADMIN)


class SlackTeam(BaseModel):
    """The team that is connected; its two secrets are never told."""

    id: str
    name: str
    connected_at: datetime


class Slack(BaseModel):
    """The connection, and the manifest to make a Slack app with that fits this installation."""

    team: SlackTeam | None
    socket_mode: bool
    manifest: dict[str, Any]


class SlackSecrets(BaseModel):
    """What the Slack app has under OAuth & Permissions, and under Basic Information."""

    bot_token: Text = Field(max_length=600)
    signing_secret: Text = Field(max_length=200)


class SlackAccount(BaseModel):
    """Your Slack account; null while none is known. `by_email`: found by your address, not linked by you."""

    slack_id: str | None
    by_email: bool


@router.get("/slack", response=Slack)
@access(*ADMINS)
def get_slack(request: Request) -> Slack:
    """Which Slack team the workspace is connected to."""
    return _shown()


@router.put("/slack", response=Slack)
@access(*ADMINS)
def connect_slack(request: Request, body: SlackSecrets) -> Slack:
    """Connect the workspace, or renew its connection; Slack is asked whose token it is.

    Through a key it needs `approvals:decide`: who connects a team says who may decide from there.
    """
    by = actor_of(request)
    try:
        slack.connections.connect(bot_token=body.bot_token.strip(), signing_secret=body.signing_secret.strip(), by=by)
    except CannotConnect as error:
        raise invalid([{"loc": [error.field], "msg": str(error)}]) from None
    return _shown()


@router.delete("/slack", response={204: None})
@access(*ADMINS)
def disconnect_slack(request: Request) -> Status[None]:
    """Take the connection away. Through a key it needs `approvals:decide`."""
    slack.connections.disconnect(by=actor_of(request))
    return Status(204, None)


@router.get("/slack/account", response=SlackAccount)
@access(SIGNED_IN)
def get_slack_account(request: Request) -> SlackAccount:
    """Which Slack account is yours."""
    known = slack.people.known_account(_member(request))
    return SlackAccount(slack_id=known.slack_id if known else None, by_email=bool(known and known.by_email))


@router.delete("/slack/account", response={204: None})
@access(SIGNED_IN)
def unlink_slack_account(request: Request) -> Status[None]:
    """Take your Slack account away from yourself. One is linked from Slack, by the button there."""
    slack.people.unlink(member=_member(request), by=actor_of(request))
    return Status(204, None)


def _member(request: Request) -> Member:
    if request.member is None:
        raise Problem("not-eligible", "A workspace's key is nobody in Slack: use a person's key.")
    return request.member


def _shown() -> Slack:
    known, socket_mode = slack.connections.connection(), bool(settings.FLOWAPP_SLACK_APP_TOKEN)
    team = SlackTeam(id=known.team_id, name=known.team_name, connected_at=known.connected_at) if known else None
    manifest = slack.manifest(settings.FLOWAPP_BASE_URL, socket_mode=socket_mode)
    return Slack(team=team, socket_mode=socket_mode, manifest=manifest)
