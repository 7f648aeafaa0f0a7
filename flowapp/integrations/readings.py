"""Readings of the ways in and out: what waits to be delivered, what never will be, what cannot be reached.

For operators, over all workspaces, and for the admins of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from flowapp.engine import clock

from .models import OutboxMessage, OutboxStatus, QueueState
from .webhook_tables import WebhookEndpoint

SHOWN: Final = 10
SILENT_AFTER: Final = timedelta(minutes=5)  # a queue of which no worker says any more that it fails
_DISABLED: Final = Q(enabled=False) & ~Q(disabled_reason="")
_FAILING: Final = Q(enabled=True, failing_since__isnull=False)
_TROUBLED: Final = _DISABLED | _FAILING


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


@dataclass(frozen=True, slots=True)
class Troubles:
    """What of a workspace's ways in and out an admin has to look at."""

    endpoints: list[WebhookEndpoint]
    queues: list[QueueState]

    def __bool__(self) -> bool:
        return bool(self.endpoints or self.queues)


def troubles(workspace_id: UUID) -> Troubles:
    """Endpoints that Flowapp disabled, or that take nothing, and queues that cannot be read; the latest of each."""
    endpoints = WebhookEndpoint.unscoped.filter(_TROUBLED, workspace_id=workspace_id).order_by("-id")
    queues = _unread().filter(workspace_id=workspace_id).order_by("failing_since")
    return Troubles(list(endpoints[:SHOWN]), list(queues[:SHOWN]))


def troubled_endpoints() -> dict[str, int]:
    """How many endpoints Flowapp disabled, and how many take nothing just now."""
    all_ = WebhookEndpoint.unscoped
    return {"disabled": all_.filter(_DISABLED).count(), "failing": all_.filter(_FAILING).count()}


def unread_queues() -> dict[str, int]:
    """How many queues cannot be read, by kind and name."""
    return dict(_unread().order_by().values("source").annotate(n=Count("id")).values_list("source", "n"))


def _unread() -> QuerySet[QueueState]:
    """Not those that nobody tries to read any more: they were taken out of the settings."""
    return QueueState.unscoped.filter(failing_since__isnull=False, told_at__gt=clock.now() - SILENT_AFTER)
