"""The cast and an immediate worker, as for the other tests of approvals; `deliver` empties the outbox."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from flowapp.integrations import delivery
from tests import factories
from tests.approvals.conftest import cast, dispatcher
from tests.slack_server import SECRET, TOKEN, SlackServer, signed, slack_server

__all__ = ["cast", "dispatcher"]


@pytest.fixture
def deliver() -> Callable[[], int]:
    """Send all that is due."""
    cache.clear()
    return delivery.deliver


@pytest.fixture
def slack(cast: factories.Cast, settings: Any) -> Iterator[SlackServer]:
    """A Slack in which all of acme but Dev have accounts, and to which acme is connected."""
    from flowapp.integrations.slack import connections

    with slack_server() as server:
        settings.FLOWAPP_SLACK_API_URL = server.url
        server.people = {f"{name}@example.com": f"U0{name.upper()}" for name in ("ana", "bo", "cleo")}
        connections.connect(bot_token=TOKEN, signing_secret=SECRET, by=factories.actor(cast.ana))
        server.calls.clear()
        yield server


@pytest.fixture
def call() -> Callable[..., HttpResponse]:
    """Send what Slack would send, signed."""

    def call(payload: dict[str, Any], *, headers: dict[str, str] | None = None) -> HttpResponse:
        body, signature = signed(payload)
        kind = "application/x-www-form-urlencoded"
        return Client().post("/slack/events", body, content_type=kind, headers=headers or signature)  # type: ignore[return-value]

    return call
