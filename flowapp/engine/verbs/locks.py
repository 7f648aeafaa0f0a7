"""Durable locks across runs: one holder a key, the others wait in order. Both sides commit, then look."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from flowapp.engine import arrivals, clock, codec, sweep, waits
from flowapp.engine.models import Lock, Run, Wait
from flowapp.engine.states import TERMINAL
from flowapp.tenancy.scope import scoped

GRANTED = codec.encode(None)


@waits.on_opened("lock")
def _opened(run: Run, wait: Wait) -> None:
    """Take the lock with the wait when it is free; else look again once the wait is committed."""
    if _take(run, wait):
        arrivals.stamp(wait, GRANTED)
    else:
        transaction.on_commit(partial(grant, run.workspace_id, wait.subject), robust=True)


@waits.on_given_back("lock")
def _given_back(run: Run, wait: str) -> None:
    held = Lock.unscoped.filter(run_id=run.id, wait=wait).first()
    if held is not None:
        _release(run, held)


def _take(run: Run, wait: Wait) -> bool:
    holder = f"{wait.name}#{wait.occurrence}"
    row = Lock(workspace_id=run.workspace_id, key=wait.subject, run_id=run.id, wait=holder, since=clock.now())
    Lock.unscoped.bulk_create([row], ignore_conflicts=True)
    held = Lock.unscoped.filter(workspace_id=run.workspace_id, key=wait.subject, run_id=run.id, wait=holder)
    return held.exists()


def release(key: str, run_id: UUID) -> None:
    """Give the lock back within the caller's transaction; the next in line gets it after the commit."""
    run = arrivals.lock([run_id]).get(run_id)  # before the lock's own row, as everybody does
    held = Lock.objects.filter(key=key, run_id=run_id).first()
    if run is not None and held is not None:
        _release(run, held)


def _release(run: Run, held: Lock) -> None:
    Lock.unscoped.filter(workspace_id=run.workspace_id, key=held.key, run_id=run.id).delete()
    transaction.on_commit(partial(grant, run.workspace_id, held.key), robust=True)


def grant(workspace_id: UUID, key: str) -> None:
    """Hand a free lock to the run that waits longest for it."""
    with scoped(workspace_id), transaction.atomic():
        waiting = Wait.objects.filter(kind="lock", subject=key, arrival__isnull=True).order_by("since", "run_id")
        first = waiting.first()
        if first is None or Lock.objects.filter(key=key).exists():
            return
        run = arrivals.lock([first.run_id]).get(first.run_id)
        if run is not None and _take(run, first):
            arrivals.arrive(run, (first.name, first.occurrence), GRANTED)


@sweep.chore
def release_orphans() -> None:
    """Free the locks of ended runs, and hand on what is free though somebody waits."""
    ended = Run.unscoped.filter(id=OuterRef("run_id"), status__in=TERMINAL)
    for workspace_id, key, run_id in Lock.unscoped.filter(Exists(ended)).values_list("workspace_id", "key", "run_id"):
        with scoped(workspace_id), transaction.atomic():
            release(key, run_id)
    held = Lock.unscoped.filter(workspace_id=OuterRef("workspace_id"), key=OuterRef("subject"))
    free = Wait.unscoped.filter(~Exists(held), kind="lock", arrival__isnull=True)
    for workspace_id, key in set(free.values_list("workspace_id", "subject")[: sweep.BATCH]):
        grant(workspace_id, key)
