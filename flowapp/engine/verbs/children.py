"""Child runs: awaited ones are waits whose outcome is the child's end; the child's row is born with the wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model

from flowapp.engine import clock, codec, runs, timers, waits
from flowapp.engine.errors import ChildFailed, InvalidInput, NeedsAttention
from flowapp.engine.models import Run
from flowapp.engine.reading import progress, search
from flowapp.engine.registry import WorkflowDefinition
from flowapp.tenancy.actors import SYSTEM

from .calls import WaitTicket


def open_child(
    ticket: WaitTicket, definition: WorkflowDefinition[Any, Any], input: Any, queue: str | None = None
) -> Sequence[Model]:
    """The row of a child run, inserted in the transaction that opens its parent's wait; it has no place in line yet."""
    try:
        child = runs.unplaced_run(definition, input, by=ticket.requester or SYSTEM)
    except InvalidInput as error:
        raise NeedsAttention(f"child {definition.name!r} cannot be started: {error}") from error
    child.id = ticket.run_id_at(child.created_at)
    child.parent_id, child.parent_wait = ticket.run_id, ticket.key
    if queue is not None:
        child.queue = queue
    return [child, *search.terms_of(child)]


@waits.on_closed("child")
@waits.on_closed(progress.MAP)
def _closed(workspace_id: UUID, run_id: UUID, keys: Sequence[str]) -> None:
    """Cancel the children that nobody awaits any more; by a timer, as a child is never locked after its parent here."""
    children = Run.unscoped.filter(parent_id=run_id, parent_wait__in=keys, ended_at__isnull=True)
    now = clock.now() - timedelta(seconds=1)
    ids = children.values_list("id", flat=True)
    timers.set_once(*(timers.timer("cancel-child", str(id_), now, {}, workspace_id=workspace_id) for id_ in ids))


@timers.on_timer("cancel-child")
def _cancel(timer: timers.DueTimer) -> None:
    runs.cancel(UUID(timer.key), by=SYSTEM, reason="its parent no longer waits for it")


def child_outcome(outcome: bytes | None, output_type: Any) -> Any:
    """The child's typed output. Raises ChildFailed when it did not complete."""
    if outcome is None or outcome[:1] != codec.FAILURE:
        return codec.decode(outcome or b"", output_type)
    head = codec.plain(outcome)
    error: Any = head["error"] or {}
    message = error.get("message", "it was cancelled")
    raise ChildFailed(str(head["run_id"]), str(head["status"]), error.get("type", "Cancelled"), message)
