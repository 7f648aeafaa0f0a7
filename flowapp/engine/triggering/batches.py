"""Batches: events collected into one run whose input is the list of their data, at a size or an age."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from flowapp.engine import clock, codec, registry, runs, starts, timers
from flowapp.engine.durations import parse
from flowapp.engine.limits import FlowControl
from flowapp.engine.line import admission
from flowapp.engine.models.limits import Collected, Limit
from flowapp.engine.registry import WorkflowDefinition
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current

FULL_BYTES = 8 * 1024 * 1024  # a batch begins sooner than its run's input could become too large
TIMER = "batch"
AGAIN = timedelta(milliseconds=500)


@transaction.atomic
def collect(
    definition: WorkflowDefinition[Any, Any], control: FlowControl, event: Mapping[str, Any], *, key: str
) -> UUID | None:
    """Add an event to the batch under way; the id of the run that it made complete, or None while that is open.

    The same `key` counts once. Raises InvalidInput when the data is no item of the workflow's input.
    """
    assert control.batch is not None
    runs.validated(definition, [event["data"]])
    data = codec.encode(event["data"])
    limit_id = admission.ident(current(), definition.name, control.key_of(event, event["data"]))
    limit = admission.locked(limit_id, current(), definition.name)
    digest = codec.digest(data)
    if known := starts.known(definition.name, key, digest):
        return known.run_id
    now = clock.now()
    Collected.objects.create(
        limit_id=limit_id,
        workflow=definition.name,
        idempotency_key=key,
        request_hash=digest,
        data=data,
        created_at=now,
    )
    limit.collected += 1
    limit.collected_bytes += len(data)
    limit.used_at = now
    run_id = None
    if limit.collected >= control.batch.size or limit.collected_bytes >= FULL_BYTES:
        run_id = _begin(limit, definition)
        timers.cancel(TIMER, str(limit_id))
    elif limit.collected == 1:
        timers.schedule(TIMER, str(limit_id), now + parse(control.batch.age), {"workflow": definition.name})
    limit.save()
    return run_id


@timers.on_timer(TIMER)
def _aged(timer: timers.DueTimer) -> None:
    """Begin the batch whose first item is old enough, and look again later where it is not."""
    definition = registry.find(timer.data["workflow"])
    again = _begin_aged(UUID(timer.key), definition)
    if again is not None:
        timers.schedule(TIMER, timer.key, again, timer.data)


def _begin_aged(limit_id: UUID, definition: WorkflowDefinition[Any, Any]) -> datetime | None:
    here = Limit.objects.filter(pk=limit_id, collected__gt=0)
    skip = connection.features.has_select_for_update_skip_locked
    limit = here.select_for_update(skip_locked=skip, no_key=connection.vendor == "postgresql").first()
    if limit is None:
        # Whoever adds to it now may be about to ask for the timer's row, which is ours: so we do not wait.
        return clock.now() + AGAIN if here.exists() else None
    first = Collected.objects.filter(limit_id=limit_id, data__isnull=False).order_by("id").first()
    batch = definition.control.batch if definition.control else None
    if first is not None and batch is not None and (due := first.created_at + parse(batch.age)) > clock.now():
        return due
    _begin(limit, definition)
    limit.save()
    return None


def _begin(limit: Limit, definition: WorkflowDefinition[Any, Any]) -> UUID:
    """Make the run of what was collected; the caller saves the limit."""
    items = Collected.objects.filter(limit_id=limit.id, data__isnull=False)
    input = [codec.plain(item.data) for item in items.order_by("id")]
    run = runs.unplaced_run(definition, input, by=SYSTEM)
    run.limit_id = limit.id
    runs.begin(run, by=SYSTEM)
    items.update(data=None, run_id=run.id)
    limit.collected = limit.collected_bytes = 0
    return run.id
