"""Calling Slack: the client of a connection, and what its refusals mean for a message that is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from flowapp.integrations.outbox import GiveUp, TryAgain, let_go

TIMEOUT: Final = 10  # seconds; much less than the lease of an outbox message
_PASSING: Final = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)


def client(token: str | None = None, *, timeout: float = TIMEOUT) -> WebClient:
    """A client that tries once: trying again is the outbox's."""
    address = settings.FLOWAPP_SLACK_API_URL
    return WebClient(token=token, base_url=address, timeout=timeout, retry_handlers=[])  # type: ignore[arg-type]


@contextmanager
def delivering() -> Iterator[None]:
    """Turn what Slack answers into what the outbox understands. Slack being down is neither: it is tried again."""
    let_go()
    try:
        yield
    except SlackApiError as error:
        code = str(error.response.get("error", ""))
        if error.response.status_code == 429 or code in _PASSING:
            raise TryAgain(f"Slack answered {code or 429}", after=_retry_after(error)) from None
        if error.response.status_code >= 500:
            raise TryAgain(f"Slack answered {error.response.status_code}") from None
        raise GiveUp(f"Slack refused: {code}") from None


def _retry_after(error: SlackApiError) -> float | None:
    headers = {str(name).lower(): value for name, value in error.response.headers.items()}
    try:
        return float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
