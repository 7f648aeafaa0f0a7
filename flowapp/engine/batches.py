"""Batches: events collected into one run whose input is the list of their data, at a size or an age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current

from . import admission, clock, codec, registry, runs, starts, timers
from .durations import parse
from .limit_models import Collected, Limit
from .limits import FlowControl
from .registry import WorkflowDefinition

FULL_BYTES = 8 * 1024 * 1024  # a batch begins sooner than its run's input could become too large
TIMER = "batch"


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
    definition = registry.find(timer.data["workflow"])
    limit = admission.locked(UUID(timer.key), current(), definition.name)
    if limit.collected:
        _begin(limit, definition)
        limit.save()


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
