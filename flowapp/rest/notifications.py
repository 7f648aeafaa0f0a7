"""/v1/notifications: what the caller is told, where, and at once or in a daily mail."""

from typing import Literal

from ninja import Router
from pydantic import BaseModel, Field

from approvals.actions.channels import preferences
from approvals.policies.notices import EMAIL, POSSIBLE, SLACK, Kind, When, Wishes
from flowapp.http.access import SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem
from flowapp.http.requests import Request
from flowapp.tenancy.models import Member

from .schemas import Name

router = Router(tags=["notifications"])


class Where(BaseModel):
    """When one kind of news comes through each channel; Slack has no daily mail."""

    email: When
    slack: Literal[When.NOW, When.NEVER]


class Notifications(BaseModel):
    """What a member is told. The daily mail comes at `digest_hour` in `zone`."""

    choices: dict[Kind, Where]
    digest_hour: int = Field(ge=0, le=23)
    zone: Name


@router.get("/notifications", response=Notifications)
@access(SIGNED_IN)
def get_notifications(request: Request) -> Notifications:
    """What you are told, the defaults included."""
    return _shown(preferences.of(_member(request).pk))


@router.put("/notifications", response=Notifications)
@access(SIGNED_IN)
def choose_notifications(request: Request, body: Notifications) -> Notifications:
    """Say what you want to be told. Kinds that are left out go back to their defaults."""
    wishes = preferences.choose(
        member=_member(request),
        choices={kind: {EMAIL: where.email, SLACK: where.slack} for kind, where in body.choices.items()},
        digest_hour=body.digest_hour,
        zone=body.zone,
        by=actor_of(request),
    )
    return _shown(wishes)


def _member(request: Request) -> Member:
    if request.member is None:
        raise Problem("not-eligible", "A workspace's key is nobody who could be told anything: use a person's key.")
    return request.member


def _shown(wishes: Wishes) -> Notifications:
    choices = {kind: {channel: wishes.when(kind, channel) for channel in POSSIBLE} for kind in Kind}
    return Notifications.model_validate({"choices": choices, "digest_hour": wishes.digest_hour, "zone": wishes.zone})
