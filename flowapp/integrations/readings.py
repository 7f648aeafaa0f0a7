"""Readings of the outbox: what waits to be delivered, and what never will be. For operators, over all workspaces."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count

from .models import OutboxMessage, OutboxStatus


def pending() -> dict[str, int]:
    """How many messages wait to be delivered, by channel."""
    waiting = OutboxMessage.unscoped.filter(status=OutboxStatus.PENDING).order_by()
    return dict(waiting.values("channel").annotate(n=Count("id")).values_list("channel", "n"))


def of_workspace(workspace_id: UUID) -> dict[str, int]:
    """How many messages of a workspace are pending and how many are dead."""
    shown = (OutboxStatus.PENDING, OutboxStatus.DEAD)
    there = OutboxMessage.unscoped.filter(workspace_id=workspace_id, status__in=shown).order_by()
    found = dict(there.values("status").annotate(n=Count("id")).values_list("status", "n"))
    return {status.value: found.get(status.value, 0) for status in shown}
