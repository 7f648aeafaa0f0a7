"""Facts: what rooms above are told in the very transaction in which it happens, such as an event or the end of a run.

Who listens says for which workspaces, so that nothing is made up that nobody hears.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import scoped

from . import clock, failures
from .models import Event, EventTaken, Run
from .states import RunStatus

ENDS = {
    RunStatus.COMPLETED: "run.completed",
    RunStatus.FAILED: "run.failed",
    RunStatus.CANCELLED: "run.cancelled",
    RunStatus.NEEDS_ATTENTION: "run.needs_attention",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that has happened, once it is committed. `id` is the same however often it is told.

    `source` says what kind of actor published it; empty for what Flowapp itself noticed. `hops`: see Actor.
    """

    name: str
    id: str
    at: datetime
    data: Any
    source: str = ""
    hops: int = 0


class Listener(Protocol):
    """A room that wants to know."""

    def hears(self, workspace_id: UUID) -> bool:
        """Whether it listens for this workspace: asked very often, so it must be cheap."""

    def tell(self, fact: Fact) -> None:
        """Take a fact of the workspace in scope, in the transaction of what it tells of."""


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have it told from now on."""
    _listeners.append(listener)


def heard(workspace_ids: Iterable[UUID]) -> bool:
    """Whether anybody listens for one of these workspaces."""
    return any(listener.hears(one) for one in set(workspace_ids) for listener in _listeners)


def tell(workspace_id: UUID, fact: Fact) -> None:
    """Tell whoever listens for the workspace."""
    for listener in _listeners:
        if listener.hears(workspace_id):
            with scoped(workspace_id):
                listener.tell(fact)


def run_ended(run: Run) -> None:
    """Tell that a run ended, or stopped for a person; its row carries that already. Nothing for other statuses."""
    name = ENDS.get(RunStatus(run.status))
    if name is None or not heard([run.workspace_id]):
        return
    at = run.ended_at or clock.now()
    data = {
        "id": str(run.id),
        "workflow": run.workflow,
        "version": run.version,
        "status": str(run.status),
        "error": failures.public(run.error),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }
    # A run that is retried ends again, under another fence: another fact.
    hops = hops_through(run.workspace_id, run.id, run.requester)
    tell(run.workspace_id, Fact(name, f"{name}:{run.id}:{run.fence}", at, data, hops=hops))


def hops_of(requester: Mapping[str, Any] | None) -> int:
    """The hops of whoever asked for a run, as it is stored."""
    return Actor.from_json(dict(requester)).hops if requester else 0


def hops_through(workspace_id: UUID, run_id: UUID, requester: Mapping[str, Any] | None) -> int:
    """The hops of what a run brings about: those of whoever asked for it, or of what it took since."""
    with scoped(workspace_id):
        return max(hops_of(requester), hops_to(run_id))


def hops_to(run_id: UUID) -> int:
    """The hops of the last event that a run took: what it publishes then may be the answer to that."""
    last = EventTaken.objects.filter(run_id=run_id).order_by("-event_id").values("event_id")[:1]
    sender = Event.objects.filter(pk__in=last).values_list("sender", flat=True).first()
    return hops_of(sender)
