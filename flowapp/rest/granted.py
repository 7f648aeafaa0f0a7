"""Who may arrange decisions through the API: people in their sessions, and keys that were granted approvals:decide."""

from approvals.actions import eligibility
from approvals.states import NotEligible
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.tenancy.actors import Actor


def granted(request: Request) -> Actor:
    """The caller, for what would let a key decide, or undo what was asked for. Raises NotEligible."""
    by = actor_of(request)
    if not eligibility.may_answer(by):
        raise NotEligible("This API key may not do that: it was not granted approvals:decide.")
    return by
