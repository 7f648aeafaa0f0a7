"""When a session last gave its second factor, for what must not be done without a recent one (SECURITY 9)."""

from datetime import UTC, datetime

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest


def given_at(request: HttpRequest) -> datetime | None:
    """When the person of this session last gave a second factor (a code or passkey); None when they did not."""
    if not request.user.is_authenticated:
        return None
    records = get_authentication_records(request, request.user)
    times = [record["at"] for record in records if record.get("method") == "mfa"]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def is_set_up(request: HttpRequest) -> bool:
    """Whether the person has a second factor at all."""
    return request.user.is_authenticated and bool(is_mfa_enabled(request.user))
