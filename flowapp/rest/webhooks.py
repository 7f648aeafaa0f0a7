"""/v1/webhooks: the addresses at which other services tell us things, and what they told."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router
from pydantic import BaseModel, Field

from flowapp.engine import clock
from flowapp.http.access import WORKSPACE_KEY, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import Problem, answers, invalid
from flowapp.http.requests import Request
from flowapp.integrations.webhook_tables import InboundWebhook
from flowapp.integrations.webhooks import errors, inbound, queries, receiving
from flowapp.integrations.webhooks.signatures import Scheme
from flowapp.tenancy.models import Role
from flowapp.tenancy.secrets import Unreadable

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Out, Text

router = Router(tags=["webhooks"])
ADMINS = (Role.OWNER, Role.ADMIN)

answers(errors.NotFound, lambda error: Problem("not-found", str(error)))
answers(errors.Invalid, lambda error: invalid(error.errors))
answers(errors.Disabled, lambda error: Problem("illegal-state", str(error)))
answers(Unreadable, lambda error: Problem("illegal-state", f"{error} Rotate it."))


class Webhook(Out):
    """An address at which another service tells us things. Requests go to `path`; each becomes an event `event`."""

    id: UUID
    name: str
    slug: str
    path: str
    event: str
    scheme: Scheme
    header: str
    enabled: bool
    created_at: datetime
    old_secret_until: datetime | None = Field(description="Until when the secret before the last rotation counts.")


class WebhookWithSecret(Webhook):
    """The same with its secret, which is told this once."""

    secret: str


class WebhookPage(Page[Webhook]):
    """A page of webhooks."""


class WebhookToMake(BaseModel):
    """`{type}` in the event's name is what the sender says happened. Without a secret or slug they are made up."""

    name: Text
    event: Text
    scheme: Scheme
    slug: Text = ""
    header: Text = ""
    secret: Text = ""


class NewSecret(BaseModel):
    """A secret that the other service gave out; without one it is made up."""

    secret: Text = ""


class ReceivedDelivery(Out):
    """A request that was accepted, and the event it became. `kind` is `received`, `test` or `replay`."""

    id: UUID
    external_id: str
    kind: str
    event_id: UUID
    event_name: str
    data: Any
    received_at: datetime


class ReceivedPage(Page[ReceivedDelivery]):
    """A page of deliveries."""


@router.get("/webhooks", response=WebhookPage)
@access(*ADMINS, WORKSPACE_KEY)
def list_webhooks(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> WebhookPage:
    """The webhooks that come in, newest first."""
    with reading(cursor):
        found = queries.webhooks(cursor=cursor, limit=limit)
    return WebhookPage(items=[_webhook(one) for one in found.items], next=found.next)


@router.post("/webhooks", response={201: WebhookWithSecret})
@access(*ADMINS)
def create_webhook(request: Request, body: WebhookToMake) -> WebhookWithSecret:
    """Make a webhook; its secret is told this once."""
    made, secret = inbound.create(**body.model_dump(), by=actor_of(request))
    return _with_secret(made, secret)


@router.get("/webhooks/{webhook_id}", response=Webhook)
@access(*ADMINS, WORKSPACE_KEY)
def get_webhook(request: Request, webhook_id: UUID) -> Webhook:
    """One webhook."""
    return _webhook(queries.webhook(webhook_id))


@router.post("/webhooks/{webhook_id}/rotate", response=WebhookWithSecret)
@access(*ADMINS)
def rotate_webhook(request: Request, webhook_id: UUID, body: NewSecret) -> WebhookWithSecret:
    """Give it a new secret, told this once; the one before counts for another 24 hours."""
    return _with_secret(*inbound.rotate(webhook_id, by=actor_of(request), secret=body.secret))


@router.post("/webhooks/{webhook_id}/enable", response=Webhook)
@access(*ADMINS)
def enable_webhook(request: Request, webhook_id: UUID) -> Webhook:
    """Turn it on again."""
    return _webhook(inbound.set_enabled(webhook_id, True, by=actor_of(request)))


@router.post("/webhooks/{webhook_id}/disable", response=Webhook)
@access(*ADMINS)
def disable_webhook(request: Request, webhook_id: UUID) -> Webhook:
    """Turn it off: its address leads nowhere until it is enabled."""
    return _webhook(inbound.set_enabled(webhook_id, False, by=actor_of(request)))


@router.post("/webhooks/{webhook_id}/test", response={202: ReceivedDelivery})
@access(*ADMINS)
def test_webhook(request: Request, webhook_id: UUID) -> ReceivedDelivery:
    """Send it a signed request as its service would; what it triggers is started."""
    return _received(receiving.send_test(webhook_id, by=actor_of(request)).delivery)


@router.get("/webhooks/{webhook_id}/deliveries", response=ReceivedPage)
@access(*ADMINS, WORKSPACE_KEY)
def list_received(request: Request, webhook_id: UUID, cursor: str | None = CURSOR, limit: int = LIMIT) -> ReceivedPage:
    """What it accepted in the last 30 days, newest first."""
    with reading(cursor):
        found = queries.received(queries.webhook(webhook_id).pk, cursor=cursor, limit=limit)
    return ReceivedPage(items=[_received(one) for one in found.items], next=found.next)


@router.post("/webhooks/deliveries/{received_id}/replay", response={202: ReceivedDelivery})
@access(*ADMINS)
def replay_received(request: Request, received_id: UUID) -> ReceivedDelivery:
    """Publish what was delivered once more, as a new event."""
    return _received(receiving.replay(received_id, by=actor_of(request)))


def _webhook(row: InboundWebhook) -> Webhook:
    return Webhook(**_members(row))


def _with_secret(row: InboundWebhook, secret: str) -> WebhookWithSecret:
    return WebhookWithSecret(**_members(row), secret=secret)


def _members(row: InboundWebhook) -> dict[str, Any]:
    names = ("name", "slug", "event", "scheme", "header", "enabled", "created_at")
    rotating = row.old_secret_until if row.old_secret_until and row.old_secret_until > clock.now() else None
    own = {"id": row.pk, "path": f"/hooks/{row.slug}", "old_secret_until": rotating}
    return {name: getattr(row, name) for name in names} | own


def _received(row: Any) -> ReceivedDelivery:
    names = ("external_id", "kind", "event_id", "event_name", "received_at")
    members = {name: getattr(row, name) for name in names}
    return ReceivedDelivery(id=row.pk, data=queries.data_of(row), **members)
