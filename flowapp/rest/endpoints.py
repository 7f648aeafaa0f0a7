"""/v1/webhook-endpoints: the addresses that facts go out to, and what was delivered to them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router
from pydantic import BaseModel, Field

from flowapp.engine import clock
from flowapp.http.access import WORKSPACE_KEY, access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.integrations.webhook_tables import DeliveryStatus, WebhookDelivery, WebhookEndpoint
from flowapp.integrations.webhooks import endpoints, queries

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Out, Text
from .webhooks import ADMINS, NewSecret

router = Router(tags=["webhooks"])


class EndpointBody(BaseModel):
    """Where to, and what of: names of events and facts, `*` standing for anything."""

    name: Text
    url: Text
    events: list[Text]


class EndpointToMake(EndpointBody):
    """The same with a secret (`whsec_` and base64); without one it is made up."""

    secret: Text = ""


class Endpoint(Out):
    """An address that facts go out to. `disabled_reason` says why Flowapp itself disabled it."""

    id: UUID
    name: str
    url: str
    events: list[str]
    enabled: bool
    disabled_reason: str
    failing_since: datetime | None
    created_at: datetime
    old_secret_until: datetime | None = Field(description="Until when requests are signed with the old secret too.")


class EndpointWithSecret(Endpoint):
    """The same with its secret, which is told this once."""

    secret: str


class EndpointPage(Page[Endpoint]):
    """A page of endpoints."""


class Delivery(Out):
    """One fact for one endpoint. `answer` is the status of the last response, null without one.

    `next_try_at` is null once it is delivered or has failed for good.
    """

    id: UUID
    name: str
    status: DeliveryStatus
    attempts: int
    answer: int | None
    error: str
    next_try_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


class DeliveryPage(Page[Delivery]):
    """A page of deliveries."""


class Attempt(Out):
    """One request and what came back; `excerpt` is the beginning of the response's body."""

    number: int
    at: datetime
    took_ms: int
    status: int | None
    error: str
    excerpt: str


class DeliveryDetail(Delivery):
    """The same with what is sent, and the latest 50 attempts, newest first."""

    body: str
    tries: list[Attempt]


@router.get("/webhook-endpoints", response=EndpointPage)
@access(*ADMINS, WORKSPACE_KEY)
def list_endpoints(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> EndpointPage:
    """The endpoints, newest first."""
    with reading(cursor):
        found = queries.endpoints(cursor=cursor, limit=limit)
    return EndpointPage(items=[_endpoint(one) for one in found.items], next=found.next)


@router.post("/webhook-endpoints", response={201: EndpointWithSecret})
@access(*ADMINS)
def create_endpoint(request: Request, body: EndpointToMake) -> EndpointWithSecret:
    """Make an endpoint; its secret is told this once."""
    made, secret = endpoints.create(**body.model_dump(), by=actor_of(request))
    return _with_secret(made, secret)


@router.get("/webhook-endpoints/{endpoint_id}", response=Endpoint)
@access(*ADMINS, WORKSPACE_KEY)
def get_endpoint(request: Request, endpoint_id: UUID) -> Endpoint:
    """One endpoint."""
    return _endpoint(queries.endpoint(endpoint_id))


@router.put("/webhook-endpoints/{endpoint_id}", response=Endpoint)
@access(*ADMINS)
def change_endpoint(request: Request, endpoint_id: UUID, body: EndpointBody) -> Endpoint:
    """Change where it is and what it wants to hear of."""
    return _endpoint(endpoints.update(endpoint_id, **body.model_dump(), by=actor_of(request)))


@router.post("/webhook-endpoints/{endpoint_id}/rotate", response=EndpointWithSecret)
@access(*ADMINS)
def rotate_endpoint(request: Request, endpoint_id: UUID, body: NewSecret) -> EndpointWithSecret:
    """Give it a new secret, told this once; for 24 hours requests are signed with the one before as well."""
    return _with_secret(*endpoints.rotate(endpoint_id, by=actor_of(request), secret=body.secret))


@router.post("/webhook-endpoints/{endpoint_id}/enable", response=Endpoint)
@access(*ADMINS)
def enable_endpoint(request: Request, endpoint_id: UUID) -> Endpoint:
    """Begin to send to it again."""
    return _endpoint(endpoints.set_enabled(endpoint_id, True, by=actor_of(request)))


@router.post("/webhook-endpoints/{endpoint_id}/disable", response=Endpoint)
@access(*ADMINS)
def disable_endpoint(request: Request, endpoint_id: UUID) -> Endpoint:
    """Stop sending to it; what is on its way fails."""
    return _endpoint(endpoints.set_enabled(endpoint_id, False, by=actor_of(request)))


@router.post("/webhook-endpoints/{endpoint_id}/test", response={202: Delivery})
@access(*ADMINS)
def test_endpoint(request: Request, endpoint_id: UUID) -> WebhookDelivery:
    """Send it a fact named `test`."""
    return _with_next_try(endpoints.send_test(endpoint_id, by=actor_of(request)))


@router.get("/webhook-endpoints/{endpoint_id}/deliveries", response=DeliveryPage)
@access(*ADMINS, WORKSPACE_KEY)
def list_deliveries(
    request: Request, endpoint_id: UUID, cursor: str | None = CURSOR, limit: int = LIMIT
) -> DeliveryPage:
    """What is on its way to it, or was delivered in the last 30 days, newest first."""
    with reading(cursor):
        found = queries.deliveries(queries.endpoint(endpoint_id).pk, cursor=cursor, limit=limit)
    return DeliveryPage(items=[Delivery.model_validate(one) for one in found.items], next=found.next)


@router.get("/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}", response=DeliveryDetail)
@access(*ADMINS, WORKSPACE_KEY)
def get_delivery(request: Request, endpoint_id: UUID, delivery_id: UUID) -> DeliveryDetail:
    """One delivery: what is sent, and every attempt."""
    row = queries.delivery(endpoint_id, delivery_id)
    tries = [Attempt.model_validate(one) for one in queries.attempts(row.pk)]
    return DeliveryDetail(**Delivery.model_validate(row).model_dump(), body=bytes(row.body).decode(), tries=tries)


@router.post("/webhook-endpoints/deliveries/{delivery_id}/replay", response={202: Delivery})
@access(*ADMINS)
def replay_delivery(request: Request, delivery_id: UUID) -> WebhookDelivery:
    """Send it once more, with the same id and body."""
    return _with_next_try(endpoints.replay(delivery_id, by=actor_of(request)))


def _with_next_try(row: WebhookDelivery) -> WebhookDelivery:
    queries.with_next_try(row)
    return row


def _endpoint(row: WebhookEndpoint) -> Endpoint:
    return Endpoint(**_members(row))


def _with_secret(row: WebhookEndpoint, secret: str) -> EndpointWithSecret:
    return EndpointWithSecret(**_members(row), secret=secret)


def _members(row: WebhookEndpoint) -> dict[str, Any]:
    names = ("id", "name", "url", "events", "enabled", "disabled_reason", "failing_since", "created_at")
    rotating = row.old_secret_until if row.old_secret_until and row.old_secret_until > clock.now() else None
    return {name: getattr(row, name) for name in names} | {"old_secret_until": rotating}
