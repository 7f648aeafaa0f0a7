"""What goes with the runs of its time, by the same policy: events, and the reports of bulk verbs."""

from __future__ import annotations

from datetime import datetime
from itertools import batched

from django.db import transaction
from django.db.models import Q

from flowapp import audit
from flowapp.engine import codec, expressions
from flowapp.engine.models import BulkJob, BulkResult, Event, EventKey, Run
from flowapp.tenancy.actors import Actor

BATCH = 500  # events or results a transaction
AT_ONCE = 200  # keys a statement


def let_go(before: datetime, *, by: Actor) -> bool:
    """Delete a batch of what is older, in the workspace in scope; whether there is more."""
    more_events = _events(before, by)
    return _bulk_jobs(before) or more_events


@transaction.atomic
def _events(before: datetime, by: Actor) -> bool:
    """Not one that a run could still take: a wait looks back to its run's start, also in a run that is retried.

    Nor one that was not looked at; but what was looked at in vain all the time is not kept for ever.
    """
    oldest = Run.objects.order_by("id").values_list("created_at", flat=True).first()
    before = before if oldest is None else min(before, oldest)
    over = Event.objects.filter(Q(looked=True) | Q(look_at__isnull=False), created_at__lt=before)
    old = list(over.order_by("id").only("id", "data")[:BATCH])
    if not old:
        return False
    keys = [(key, event.id) for event in old for key in _keys(event)]
    for some in batched(keys, AT_ONCE):
        EventKey.objects.filter(pk__in=some).delete()
    Event.objects.filter(id__in=[event.id for event in old]).delete()
    after = {"events": len(old), "before": before.isoformat(), "first": str(old[0].id), "last": str(old[-1].id)}
    audit.record(by=by, verb="events.deleted", target="retention", after=after)
    return len(old) == BATCH


def _keys(event: Event) -> set[bytes]:
    try:
        return set(expressions.keys(codec.plain(event.data)))
    except ValueError:  # its data cannot be read any more; then its rows are looked for one by one
        return {bytes(match) for match in EventKey.objects.filter(event_id=event.id).values_list("match", flat=True)}


@transaction.atomic
def _bulk_jobs(before: datetime) -> bool:
    """What a bulk verb did to each run, and at last the job; that it was done stays in the audit log."""
    job = BulkJob.objects.filter(ended_at__lt=before).order_by("id").first()
    if job is None:
        return False
    results = BulkResult.objects.filter(job_id=job.id)
    runs = list(results.order_by("run_id").values_list("run_id", flat=True)[:BATCH])
    results.filter(run_id__in=runs).delete()
    if len(runs) < BATCH:
        job.delete()
    return True
