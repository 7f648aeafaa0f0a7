"""Which prompts changed lately, for processes that have no Redis to tell them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from approvals.models import Prompt


def changed_since(since: datetime) -> Iterable[tuple[UUID, datetime]]:
    """The prompts of the workspace in scope that changed since then, and when; read by one index."""
    return Prompt.objects.filter(updated_at__gte=since).order_by().values_list("pk", "updated_at")
