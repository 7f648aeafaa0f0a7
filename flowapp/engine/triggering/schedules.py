"""Cron schedules: each workspace runs each cron trigger; a slot becomes a run once, however many sweepers look."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.dispatch import receiver

from flowapp.engine import clock, crons, runs, sweep
from flowapp.engine.errors import StartSkipped
from flowapp.engine.models import Schedule
from flowapp.engine.registry import WorkflowDefinition
from flowapp.engine.triggers import Cron
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import current, scoped
from flowapp.tenancy.signals import recorded

logger = logging.getLogger("flowapp.engine")
INSTALL_EVERY = timedelta(minutes=1)
BACKFILL_AT_MOST = 100  # runs
SEEN_EVERY = timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(days=7)  # longer than any deploy rolls
LATE = timedelta(minutes=1)  # a slot that is older was missed
type Slots = dict[tuple[str, str, str], datetime | None]  # the next one by workflow, expression and time zone


def install() -> None:
    """Give every workspace a row for every cron trigger, and remove those that no process has known for long.

    While a deploy rolls, processes that know a trigger and processes that do not install in turns.
    """
    now = clock.now()
    slots = _next_slots(now)
    for workspace_id in Workspace.objects.values_list("id", flat=True):
        _install_in(workspace_id, slots, now)


def _next_slots(now: datetime) -> Slots:
    """The next slot of every trigger; None of one that cannot say, whose rows stay as they are."""
    slots: Slots = {}
    for definition, cron in crons.declared():
        try:
            slot = cron.next(now)
        except Exception:
            logger.exception("workflow %s: the next slot of %s cannot be found", definition.name, cron)
            slot = None
        slots[definition.name, cron.expression, cron.tz] = slot
    return slots


def _install_in(workspace_id: UUID, slots: Slots, now: datetime) -> None:
    """Where it fails, other workspaces still get theirs, and this one is tried again within a minute."""
    try:
        with scoped(workspace_id):
            _install_here(slots, now)
    except (OperationalError, InterfaceError):
        raise  # it would fail for the others, too
    except Exception:
        logger.exception("the schedules of the workspace %s could not be installed", workspace_id)


def _install_here(slots: Slots, now: datetime) -> None:
    """Read, and write only what is to be changed: mostly that is nothing."""
    known = {(row.workflow, row.expression, row.zone): row for row in Schedule.objects.all()}
    seen = [row.pk for key, row in known.items() if key in slots and row.seen_at < now - SEEN_EVERY]
    forgotten = now - FORGOTTEN_AFTER
    gone = [row.pk for key, row in known.items() if key not in slots and row.seen_at < forgotten]
    missing = [
        Schedule(workflow=key[0], expression=key[1], zone=key[2], next_at=slot, seen_at=now)
        for key, slot in slots.items()
        if slot is not None and key not in known
    ]
    if not (seen or gone or missing):
        return
    with transaction.atomic():
        Schedule.objects.filter(pk__in=seen).update(seen_at=now)
        Schedule.objects.filter(pk__in=gone, seen_at__lt=forgotten).delete()
        Schedule.objects.bulk_create(missing, ignore_conflicts=True)


@receiver(recorded, dispatch_uid="flowapp.engine.schedules")
def _new_workspace(verb: str, **_: object) -> None:
    """A new workspace has its schedules at once, not when a sweep looks for it."""
    if verb == "workspace.created" and crons.declared():
        now = clock.now()
        transaction.on_commit(partial(_install_in, current(), _next_slots(now), now), robust=True)


@sweep.chore
def start_due() -> None:
    """Start a run for each slot that has come, and for those missed while nothing ran as their trigger says."""
    _install_now_and_then()
    now = clock.now()
    triggers = {
        (definition.name, cron.expression, cron.tz): (definition, cron) for definition, cron in crons.declared()
    }
    for schedule in crons.due(now).order_by("next_at")[: sweep.BATCH]:
        try:
            with scoped(schedule.workspace_id):
                _start(schedule, *triggers[schedule.workflow, schedule.expression, schedule.zone], now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the schedule of workflow %s could not be served; the next sweep tries", schedule.workflow)


_installed_at: datetime | None = None


def _install_now_and_then() -> None:
    """Workspaces are made while workers run: look for new ones at the first sweep and then once a minute."""
    global _installed_at
    now = clock.now()
    if _installed_at is None or abs(now - _installed_at) > INSTALL_EVERY:
        _installed_at = now
        if crons.declared() or Schedule.unscoped.exists():
            install()


@transaction.atomic
def _start(schedule: Schedule, definition: WorkflowDefinition[object, object], cron: Cron, now: datetime) -> None:
    moved = Schedule.objects.filter(pk=schedule.pk, next_at=schedule.next_at).update(next_at=cron.next(now))
    for slot in _slots(schedule, cron, now) if moved else ():
        key = f"cron:{schedule.id}:{slot.isoformat()}"
        try:
            with transaction.atomic():
                runs.start_run(definition, cron.input_at(slot), by=SYSTEM, idempotency_key=key)
        except StartSkipped as skipped:
            logger.info("the slot %s of workflow %s started nothing: %s", slot.isoformat(), definition.name, skipped)
        except (OperationalError, InterfaceError):
            raise  # the slot is tried again
        except Exception:
            # Such as an input that does not fit, or a function that fails to make it: the next slot may go better.
            logger.exception("the slot %s of workflow %s started nothing", slot.isoformat(), definition.name)


def _slots(schedule: Schedule, cron: Cron, now: datetime) -> list[datetime]:
    """The slots to start runs for, of those from the next one until now."""
    first = schedule.next_at
    if cron.missed == "once":
        return [first]
    if cron.missed == "skip":
        return _between(cron, max(first, now - LATE), now)
    back = timedelta(hours=1)
    while len(slots := _between(cron, max(first, now - back), now)) < BACKFILL_AT_MOST and now - back > first:
        back *= 2
    latest = slots[-BACKFILL_AT_MOST:]
    if latest and latest[0] > first:
        logger.warning("workflow %s missed more slots than are made up for: from %s", schedule.workflow, first)
    return latest


def _between(cron: Cron, start: datetime, end: datetime) -> list[datetime]:
    slots = []
    slot = cron.next(start - timedelta(seconds=1))
    while slot <= end:
        slots.append(slot)
        slot = cron.next(slot)
    return slots
