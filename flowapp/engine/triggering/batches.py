"""Batches: events collected into one run whose input is the list of their data, at a size or an age."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from flowapp import audit
from flowapp.engine import clock, codec, registry, runs, starts, timers
from flowapp.engine.durations import parse
from flowapp.engine.errors import InvalidInput, UnknownWorkflow
from flowapp.engine.limits import FlowControl
from flowapp.engine.line import admission
from flowapp.engine.models import Event, Run
from flowapp.engine.models.limits import Collected, Limit
from flowapp.engine.registry import WorkflowDefinition
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.scope import current

logger = logging.getLogger("flowapp.engine")
FULL_BYTES = 8 * 1024 * 1024  # a batch begins sooner than its run's input could become too large
TIMER = "batch"
AGAIN = timedelta(milliseconds=500)
READ_AT_ONCE = 500


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
    try:
        again = _begin_aged(UUID(timer.key), registry.find(timer.data["workflow"]))
    except UnknownWorkflow:
        again = clock.now() + AGAIN  # it is for a process that knows the workflow
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


def _begin(limit: Limit, definition: WorkflowDefinition[Any, Any]) -> UUID | None:
    """Make the run of what was collected, if any of it fits; the caller saves the limit."""
    items = Collected.objects.filter(limit_id=limit.id, data__isnull=False)
    found = list(items.order_by("id"))
    run: Run | str | None = _run_of(found, definition, _askers(found))
    if isinstance(run, str):  # collected by other code than this, or the last one would have been refused
        alone = {item: _run_of([item], definition, SYSTEM) for item in found}
        refusals = {item: one for item, one in alone.items() if isinstance(one, str)}
        found = [item for item in found if item not in refusals]
        run = _run_of(found, definition, _askers(found)) if found else None
        if isinstance(run, str):
            refusals |= dict.fromkeys(found, run)
        _drop(refusals, definition.name)
    run_id = None
    if isinstance(run, Run):
        run.limit_id, run_id = limit.id, run.id
        runs.begin(run, by=SYSTEM)
    items.update(data=None, run_id=run_id)
    limit.collected = limit.collected_bytes = 0
    return run_id


def _run_of(items: Sequence[Collected], definition: WorkflowDefinition[Any, Any], by: Actor) -> Run | str:
    """The unsaved run of these items, or why they are none. It asks the database nothing."""
    try:
        return runs.unplaced_run(definition, [codec.plain(item.data) for item in items], by=by)
    except InvalidInput as refusal:
        return str(refusal)
    except Exception as error:  # raised by the input's own code
        logger.exception("the input of workflow %s could not be checked", definition.name)
        return f"checking it failed: {type(error).__name__} (the server's log has more)"


def _drop(refusals: Mapping[Collected, str], workflow: str) -> None:
    """Say in the log, the audit log and the events themselves what became part of no run; the events stay."""
    reasons = {_event_of(item): reason for item, reason in refusals.items()}
    for event in Event.objects.filter(pk__in=reasons):
        reason = reasons[str(event.pk)]
        logger.error("event %s is left out of the batch of workflow %s: %s", event.pk, workflow, reason)
        found = event.found or {"matched": [], "skipped": []}
        found["matched"] = [one for one in found["matched"] if one.get("workflow") != workflow]
        found["skipped"].append({"workflow": workflow, "reason": f"left out of its batch: {reason}"})
        Event.objects.filter(pk=event.pk).update(found=found)
    after = {"events": sorted(reasons)}
    reason = "collected before the code changed, they do not fit the workflow's input"
    audit.record(by=SYSTEM, verb="batch.dropped", target=f"workflow:{workflow}", after=after, reason=reason)


def _event_of(item: Collected) -> str:
    return (item.idempotency_key or "").split(":")[1]  # matching.py made it


def _askers(items: Sequence[Collected]) -> Actor:
    """The system, and beside it whoever sent one of the events: their ids stand in the items' keys."""
    events = [_event_of(item) for item in items]
    rows = (
        Event.objects.filter(pk__in=some).values_list("sender", flat=True) for some in batched(events, READ_AT_ONCE)
    )
    return SYSTEM.joined_by(*(Actor.from_json(sender) for some in rows for sender in some))
