"""Events: published once, they satisfy waits and start workflows.

An event and a wait may commit at the same moment without seeing each other, so both sides commit, then look; the
`looked` flags let the sweeper look again after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import batched
from typing import Any
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from flowapp.engine import arrivals, clock, codec, expressions, facts, failures, registry, sweep, waits
from flowapp.engine.errors import IdempotencyConflict, InvalidInput
from flowapp.engine.models import Event, EventKey, EventTaken, Run, Wait
from flowapp.engine.rounds import Round
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import current, scoped

from .matching import Found, listening, start_all

logger = logging.getLogger("flowapp.engine")
AT_ONCE = 500  # waits or events read at once in a look
MISSES_SHOWN = 20  # waits named as not matching
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(hours=1)  # before an event that failed is looked at again
LONGEST_TROUBLE = 1000  # characters of why it failed
_events = Round[tuple[UUID, UUID]]("id", key=lambda row: row[0])
_waits = Round[tuple[UUID, str, int]]("pk", key=lambda row: row)
type _Waiting = tuple[UUID, str, Mapping[str, Any]]  # a run, its wait's name and detail


@dataclass(frozen=True, slots=True)
class Published:
    """An event as it was published; `duplicate` when its id was known already and nothing happened."""

    id: UUID
    duplicate: bool


@dataclass(frozen=True, slots=True)
class New:
    """An event to be published. With an `id` it counts once; under its `old_id` an earlier version noted it."""

    name: str
    data: Any = None
    id: str | None = None
    old_id: str | None = None


def publish(name: str, data: Any = None, *, by: Actor, id: str | None = None) -> Published:
    """Publish a fact to the workspace in scope, within the caller's transaction.

    With an `id` the event counts once; the same id with other content raises IdempotencyConflict.
    """
    return publish_all([New(name, data, id)], by=by)[0]


@transaction.atomic
def publish_all(news: Sequence[New], *, by: Actor) -> list[Published]:
    """Publish several facts, as `publish` does each: written at once, looked at once."""
    rows = [_row(one, by) for one in news]
    known = _known(rows, {one.old_id: row for one, row in zip(news, rows, strict=True) if one.old_id})
    made = [row for row in rows if row.external_id is None or known.setdefault(row.external_id, row) is row]
    try:
        with transaction.atomic(savepoint=bool(known)):
            # Always in one order, so that of two who publish the same ids neither waits for the other's.
            Event.objects.bulk_create(sorted(made, key=lambda row: row.external_id or ""))
    except IntegrityError:
        if not _known(made, {}):
            raise
        return publish_all(news, by=by)  # another with one of these ids was faster
    shapes = {row.id: shape_of(row) for row in made}
    keys = ((key, row) for row in made for key in set(expressions.keys(shapes[row.id]["data"])))
    EventKey.objects.bulk_create([EventKey(match=key, event_id=row.id) for key, row in keys])
    if made and facts.heard([current()]):
        for row in made:
            data = shapes[row.id]["data"]
            fact = facts.Fact(row.name, str(row.id), row.created_at, data, source=by.kind, hops=by.hops)
            facts.tell(row.workspace_id, fact)
    if made:
        transaction.on_commit(partial(look_all, [row.id for row in made], current()), robust=True)
    return [_published(row, known) for row in rows]


def _row(new: New, by: Actor) -> Event:
    name = new.name.strip()
    if not name or len(name) > 200:
        raise InvalidInput([{"loc": ["name"], "msg": "an event needs a name of 1 to 200 characters"}])
    stored = codec.encode(new.data)
    return Event(
        workspace_id=current(),
        name=name,
        data=stored,
        external_id=new.id,
        request_hash=codec.digest(name.encode() + stored),
        sender=by.as_json(),
        created_at=clock.now(),
    )


def _known(rows: Collection[Event], by_old_id: Mapping[str, Event]) -> dict[str, Event]:
    """The events that were published before under the ids of these; or with the same content under their old ids."""
    ids = {row.external_id for row in rows if row.external_id is not None}
    found: dict[str, Event] = {}
    for some in batched(ids | set(by_old_id), AT_ONCE):
        for earlier in Event.objects.filter(external_id__in=some).only("id", "external_id", "request_hash"):
            id = str(earlier.external_id)
            if id in ids:
                found[id] = earlier
            elif bytes(earlier.request_hash) == bytes(by_old_id[id].request_hash):
                found.setdefault(str(by_old_id[id].external_id), earlier)
    return found


def _published(row: Event, known: Mapping[str, Event]) -> Published:
    first = row if row.external_id is None else known[row.external_id]
    if bytes(first.request_hash) != bytes(row.request_hash):
        message = f"an event with the id {row.external_id!r} was published before with other content"
        raise IdempotencyConflict(message)
    return Published(first.id, duplicate=first is not row)


def look(event_id: UUID, workspace_id: UUID) -> None:
    """After an event is committed: hand it to the waits it matches and start the workflows it triggers."""
    look_all([event_id], workspace_id)


def look_all(event_ids: Sequence[UUID], workspace_id: UUID) -> None:
    """The same for several of a workspace; those that nobody can be listening for cost next to nothing."""
    with scoped(workspace_id):
        waited_for: dict[str, bool] = {}  # who begins to wait meanwhile looks back by itself
        for some in batched(event_ids, AT_ONCE):
            quiet = []
            for event in Event.objects.filter(pk__in=some).order_by("id"):
                with _stopping_no_other(event):
                    heard = any(listening(one, event.name, event.sender) for one in registry.newest())
                    if not heard and event.name not in waited_for:
                        waited_for[event.name] = _waits_for(event.name).exists()
                    if heard or waited_for[event.name]:
                        _look_at(event)
                    else:
                        quiet.append(event.id)
            if quiet:
                Event.objects.filter(pk__in=quiet).update(looked=True)


def _look_at(event: Event) -> None:
    shape, found = shape_of(event), Found()
    for run_id, name, occurrence in _candidates(event, shape):
        if _offer(event, shape, run_id, (name, occurrence)):
            found.matched.append({"run_id": str(run_id), "wait": name})
    start_all(event, shape, found)
    Event.objects.filter(pk=event.id).update(looked=True, found=found.as_json())


@contextmanager
def _stopping_no_other(event: Event) -> Iterator[None]:
    """Where the look at one event fails, the others go on; the sweep does it again, after a pause that grows."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise  # what else there is would fail, too
    except Exception as error:
        pause = min(FIRST_PAUSE * 2 ** min(event.misses, 20), LONGEST_PAUSE)
        logger.exception("the event %s (%s) could not be looked at; again in %s", event.id, event.name, pause)
        why = f"{type(error).__name__}: {failures.message(error)}"[:LONGEST_TROUBLE]
        Event.objects.filter(pk=event.id, looked=False).update(
            misses=event.misses + 1, look_at=clock.now() + pause, trouble=why
        )


def found_by(event_id: UUID) -> Found:
    """What an event matched, and what listened for it in vain; waits whose condition it does not meet among these."""
    return found_by_all([event_id])[event_id]


def found_by_all(event_ids: Collection[UUID]) -> dict[UUID, Found]:
    """The same for several events, read at once: their waits once for each name."""
    all_: dict[UUID, Found] = {}
    waiting: dict[str, list[_Waiting]] = {}
    for some in batched(event_ids, AT_ONCE):
        for event in Event.objects.filter(pk__in=some):
            if event.name not in waiting:
                waiting[event.name] = _some_waiting_for(event.name)
            all_[event.id] = found = Found(**(event.found or {}))
            found.skipped += _misses(event, found, waiting[event.name])
    return all_


def _some_waiting_for(name: str) -> list[_Waiting]:
    open_ = _waits_for(name).order_by("run_id", "name")
    return list(open_.values_list("run_id", "name", "detail")[:MISSES_SHOWN])


def _misses(event: Event, found: Found, waiting: Sequence[_Waiting]) -> list[dict[str, Any]]:
    took = {(one["run_id"], one.get("wait")) for one in found.matched}
    return [
        {"run_id": str(run_id), "wait": name, "reason": _miss(event, detail)}
        for run_id, name, detail in waiting
        if (str(run_id), name) not in took
    ]


def _miss(event: Event, detail: Mapping[str, Any]) -> str:
    """Why a wait did not take an event."""
    match, refusal = detail.get("match"), None
    if match:
        condition = expressions.compile(match)
        refusal = condition.refusal("match", event=shape_of(event), input=detail.get("input"))
    return refusal or "it waits since after the event"


def found_by_each(event_ids: Collection[UUID]) -> dict[UUID, Found]:
    """What each of these events matched, as it was noted when it was looked at."""
    noted = Event.objects.filter(pk__in=event_ids).values_list("pk", "found")
    return {event_id: Found(**(found or {})) for event_id, found in noted}


def shape_of(event: Event) -> dict[str, Any]:
    """An event as expressions see it."""
    return {"id": event.external_id or str(event.id), "name": event.name, "data": codec.plain(event.data)}


def _waits_for(name: str) -> QuerySet[Wait]:
    return Wait.objects.filter(kind="event", subject=name, arrival__isnull=True)


def _candidates(event: Event, shape: Mapping[str, Any]) -> list[tuple[UUID, str, int]]:
    """The waits that the event may match: by an indexed value, or any without one (or all, when it has too many)."""
    found, keys = _waits_for(event.name), expressions.keys(shape["data"])
    if expressions.TOO_MANY not in keys:
        found = found.filter(match__in=[b"", *set(keys)])
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
    late = clock.now() - sweep.GRACE
    by_workspace: dict[UUID, list[UUID]] = {}
    events = Event.unscoped.filter(looked=False, created_at__lt=late).values_list("id", "workspace_id")
    new = _events.take(events.filter(look_at__isnull=True), sweep.BATCH)
    failed = events.filter(look_at__lte=clock.now()).order_by("look_at", "id")[: sweep.BATCH]  # the others wait
    for event_id, workspace_id in [*new, *failed]:
        by_workspace.setdefault(workspace_id, []).append(event_id)
    for workspace_id, event_ids in by_workspace.items():
        look_all(event_ids, workspace_id)
    for run_id, name, occurrence in _waits.take(
        Wait.unscoped.filter(looked=False, since__lt=late).values_list("run_id", "name", "occurrence"), sweep.BATCH
    ):
        try:
            look_back(run_id, name, occurrence)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the wait %s of run %s could not be looked at; the next sweep tries again", name, run_id)
