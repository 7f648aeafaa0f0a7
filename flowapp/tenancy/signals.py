"""Tenancy's upward voice: its actions tell, in their transaction, what they did; the audit room writes it down."""

from typing import Any

from django.dispatch import Signal

from .actors import Actor

recorded = Signal()  # by: Actor, verb: str, target: str, before, after: JSON values or None


def tell(*, by: Actor, verb: str, target: str, before: Any = None, after: Any = None) -> None:
    """Say what an action did. A listener that fails undoes the action: what cannot be audited does not happen."""
    recorded.send(sender=None, by=by, verb=verb, target=target, before=before, after=after)
