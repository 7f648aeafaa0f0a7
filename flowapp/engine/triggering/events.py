"""Events: published once, they satisfy waits and start workflows.

An event and a wait may commit at the same moment without seeing each other, so both sides commit, then look; the
`looked` flags let the sweeper look again after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from flowapp.engine import arrivals, clock, codec, expressions, facts, sweep, waits
from flowapp.engine.errors import IdempotencyConflict, InvalidInput
from flowapp.engine.models import Event, EventKey, EventTaken, Run, Wait
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import current, scoped

from .matching import Found, start_all

logger = logging.getLogger("flowapp.engine")
AT_ONCE = 500  # waits or events read at once in a look
MISSES_SHOWN = 20  # waits named as not matching


@dataclass(frozen=True, slots=True)
class Published:
    """An event as it was published; `duplicate` when its id was known already and nothing happened."""

    id: UUID
    duplicate: bool


@transaction.atomic
def publish(name: str, data: Any = None, *, by: Actor, id: str | None = None) -> Published:
    """Publish a fact to the workspace in scope, within the caller's transaction.

    With an `id` the event counts once; the same id with other content raises IdempotencyConflict.
    """
    if not name or len(name) > 200:
        raise InvalidInput([{"loc": ["name"], "msg": "an event needs a name of 1 to 200 characters"}])
    stored = codec.encode(data)
    digest = codec.digest(name.encode() + stored)
    if id is not None and (known := _known(id, digest)):
        return known
    event = Event(
        workspace_id=current(),
        name=name,
        data=stored,
        external_id=id,
        request_hash=digest,
        sender=by.as_json(),
        created_at=clock.now(),
    )
    try:
        with transaction.atomic(savepoint=id is not None):
            event.save(force_insert=True)
    except IntegrityError:
        if id is not None and (known := _known(id, digest)):
            return known
        raise
    keys = set(expressions.keys(codec.plain(stored)))
    EventKey.objects.bulk_create(EventKey(match=key, event_id=event.id) for key in keys)
    if facts.heard([event.workspace_id]):
        shape = shape_of(event)
        fact = facts.Fact(name, str(event.id), event.created_at, shape["data"], source=by.kind)
        facts.tell(event.workspace_id, fact)
    transaction.on_commit(partial(look, event.id, current()), robust=True)
    return Published(event.id, duplicate=False)


def _known(id: str, digest: bytes) -> Published | None:
    event = Event.objects.filter(external_id=id).only("id", "request_hash").first()
    if event is None:
        return None
    if bytes(event.request_hash) != digest:
        raise IdempotencyConflict(f"an event with the id {id!r} was published before with other content")
    return Published(event.id, duplicate=True)


def look(event_id: UUID, workspace_id: UUID) -> None:
    """After an event is committed: hand it to the waits it matches and start the workflows it triggers."""
    with scoped(workspace_id):
        event = Event.objects.get(pk=event_id)
        shape = shape_of(event)
        found = Found()
        for run_id, name, occurrence in _candidates(event):
            if _offer(event, shape, run_id, (name, occurrence)):
                found.matched.append({"run_id": str(run_id), "wait": name})
        start_all(event, shape, found)
        Event.objects.filter(pk=event_id).update(looked=True, found=found.as_json())


def found_by(event_id: UUID) -> Found:
    """What an event matched, and what listened for it in vain; waits whose condition it does not meet among these."""
    event = Event.objects.get(pk=event_id)
    found = Found(**(event.found or {}))
    took = {(one["run_id"], one.get("wait")) for one in found.matched}
    open_ = Wait.objects.filter(kind="event", subject=event.name, arrival__isnull=True).order_by("run_id", "name")
    for run_id, name, detail in open_.values_list("run_id", "name", "detail")[:MISSES_SHOWN]:
        if (str(run_id), name) not in took:
            reason = f"match is false: {detail['match']}" if detail.get("match") else "it waits since after the event"
            found.skipped.append({"run_id": str(run_id), "wait": name, "reason": reason})
    return found


def found_by_each(event_ids: Collection[UUID]) -> dict[UUID, Found]:
    """What each of these events matched, as it was noted when it was looked at."""
    noted = Event.objects.filter(pk__in=event_ids).values_list("pk", "found")
    return {event_id: Found(**(found or {})) for event_id, found in noted}


def shape_of(event: Event) -> dict[str, Any]:
    """An event as expressions see it."""
    return {"id": event.external_id or str(event.id), "name": event.name, "data": codec.plain(event.data)}


def _candidates(event: Event) -> list[tuple[UUID, str, int]]:
    """The waits that the event may match: by an indexed value, or any without one (or all, when it has too many)."""
    found = Wait.objects.filter(kind="event", subject=event.name, arrival__isnull=True)
    keys = EventKey.objects.filter(event_id=event.id)
    if not keys.filter(match=expressions.TOO_MANY).exists():
        found = found.filter(Q(match=b"") | Q(match__in=keys.values("match")))
    return list(found.order_by("run_id", "since", "occurrence").values_list("run_id", "name", "occurrence"))


@transaction.atomic
def _offer(event: Event, shape: dict[str, Any], run_id: UUID, key: tuple[str, int]) -> bool:
    """Give an event to one wait, if it still waits, matches, and its run has not taken the event before."""
    run = arrivals.lock([run_id]).get(run_id)
    wait = Wait.objects.filter(run_id=run_id, name=key[0], occurrence=key[1], arrival__isnull=True).first()
    if run is None or wait is None or event.created_at < run.created_at:
        return False
    match = wait.detail.get("match")
    if match and not expressions.compile(match).holds(event=shape, input=wait.detail.get("input")):
        return False
    taken = EventTaken.objects.filter(run_id=run_id, event_id=event.id)
    if taken.exists():
        return False
    EventTaken.objects.create(run_id=run_id, event_id=event.id, taken_by=f"{key[0]}#{key[1]}")
    return arrivals.arrive(run, key, codec.encode(shape))


@waits.on_opened("event")
def _opened(run: Run, wait: Wait) -> None:
    """Once the wait is committed, look back at the events since the run's start."""
    transaction.on_commit(partial(look_back, run.id, wait.name, wait.occurrence), robust=True)


@waits.on_given_back("event")
def _given_back(run: Run, wait: str) -> None:
    """The event of a cancelled wait is untaken again: another open wait of the run may have it."""
    taken, _ = EventTaken.unscoped.filter(run_id=run.id, taken_by=wait).delete()
    if not taken:
        return
    others = Wait.unscoped.filter(run_id=run.id, kind="event", arrival__isnull=True)
    for name, occurrence in others.order_by("since", "occurrence").values_list("name", "occurrence"):
        transaction.on_commit(partial(look_back, run.id, name, occurrence), robust=True)


def look_back(run_id: UUID, name: str, occurrence: int) -> None:
    """Give a new wait the oldest matching event published since its run's start and not yet taken by the run."""
    wait = Wait.unscoped.filter(run_id=run_id, name=name, occurrence=occurrence, arrival__isnull=True).first()
    if wait is None:
        return
    with scoped(wait.workspace_id):
        run = Run.objects.only("created_at").get(pk=run_id)
        events = Event.objects.filter(name=wait.subject, created_at__gte=run.created_at)
        if wait.match:
            indexed = EventKey.objects.filter(match__in=[bytes(wait.match), expressions.TOO_MANY])
            events = events.filter(id__in=indexed.values("event_id"))
        events = events.exclude(id__in=EventTaken.objects.filter(run_id=run_id).values("event_id"))
        for event in events.order_by("id").iterator(AT_ONCE):
            if _offer(event, shape_of(event), run_id, (name, occurrence)):
                break
        Wait.objects.filter(run_id=run_id, name=name, occurrence=occurrence).update(looked=True)


@sweep.chore
def look_again() -> None:
    """Look for what a crash kept from being looked at."""
    now = clock.now()
    late = now - sweep.GRACE
    for event_id, workspace_id in Event.unscoped.filter(looked=False, created_at__lt=late).values_list(
        "id", "workspace_id"
    )[: sweep.BATCH]:
        look(event_id, workspace_id)
    for run_id, name, occurrence in Wait.unscoped.filter(looked=False, since__lt=late).values_list(
        "run_id", "name", "occurrence"
    )[: sweep.BATCH]:
        look_back(run_id, name, occurrence)
