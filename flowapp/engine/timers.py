"""Durable timers for the rooms above: `schedule` a moment, and its kind's handler is called, in a transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flowapp.tenancy.scope import current

from .models import Timer


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer whose moment came."""

    key: str
    due_at: datetime
    data: dict[str, Any]


type Handler = Callable[[DueTimer], None]
handlers: dict[str, Handler] = {}


def on_timer(kind: str) -> Callable[[Handler], Handler]:
    """Register the handler of a kind. It runs in its workspace's scope; an exception leaves the timer for later."""

    def decorate(handler: Handler) -> Handler:
        handlers[kind] = handler
        return handler

    return decorate


def timer(kind: str, key: str, due_at: datetime, data: dict[str, Any], *, workspace_id: UUID) -> Timer:
    """An unsaved timer, to be inserted with the rows that open a wait."""
    return Timer(workspace_id=workspace_id, kind=kind, key=key, due_at=due_at, data=data)


def set_once(*timers: Timer) -> None:
    """Insert each timer unless one of its kind and key is set already, within the caller's transaction."""
    Timer.unscoped.bulk_create(timers, ignore_conflicts=True)


def schedule(kind: str, key: str, due_at: datetime, data: dict[str, Any]) -> None:
    """Set the timer of this kind and key, moving it when it exists, within the caller's transaction."""
    Timer.objects.update_or_create(
        workspace_id=current(), kind=kind, key=key, defaults={"due_at": due_at, "data": data}
    )


def cancel(kind: str, key: str) -> None:
    """Remove the timer, if it is set, within the caller's transaction."""
    Timer.objects.filter(kind=kind, key=key).delete()
