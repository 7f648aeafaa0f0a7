"""Which keys may arrange who answers in Slack: those that may decide, for an account's presses count as answers."""

from __future__ import annotations

from flowapp.tenancy import queries
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.errors import NotAllowed


def check_granted(by: Actor) -> None:
    """Raises NotAllowed when this was asked through a key that may not decide."""
    if not queries.may_answer(by):
        raise NotAllowed("This API key may not arrange who answers in Slack: it was not granted approvals:decide.")
