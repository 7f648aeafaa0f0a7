"""Which keys may arrange who answers in Slack: those that may decide, for an account's presses count as answers."""

from __future__ import annotations

from flowapp.tenancy import queries
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.errors import NotAllowed
from flowapp.tenancy.keys import APPROVALS_DECIDE


def check_granted(by: Actor) -> None:
    """Raises NotAllowed when this was asked through a key that may not decide."""
    if by.key_id is not None and not queries.key_allows(by.key_id, APPROVALS_DECIDE):
        raise NotAllowed("This API key may not arrange who answers in Slack: it was not granted approvals:decide.")
