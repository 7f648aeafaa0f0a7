"""Who attends to limits: a thread of each worker process, at the moment, and every sweep what was missed."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import Error, InterfaceError, OperationalError, connection
from django.db.models import Count, Exists, OuterRef

from . import clock, registry, sweep
from .errors import UnknownWorkflow
from .line import admission
from .models import Run
from .models.limits import Collected, Limit
from .rounds import Round
from .states import RunStatus

logger = logging.getLogger("flowapp.engine")
SOON = 2 * sweep.INTERVAL  # seconds; what comes later is a sweep's
LINES = 1000  # limits with somebody in line that one sweep looks at
UNUSED = timedelta(days=1)
REMEMBERED = timedelta(days=7)
TIDY_AT_ONCE = 500
TIDY_EVERY = timedelta(minutes=10)


class Attendant:
    """Looks at limits one after the other, so that those who free a slot (commits above all) need not."""

    def __init__(self) -> None:
        self._asked: list[tuple[float, UUID]] = []  # a heap by monotonic time
        self._now: set[UUID] = set()
        self._busy = False
        self._stopping = False
        self._wanted = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="flowapp-limits", daemon=True)

    def start(self) -> None:
        """Begin to attend."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what it was asked is left to others."""
        with self._wanted:
            self._stopping = True
            self._wanted.notify()
        self._thread.join(timeout=5)

    @property
    def busy(self) -> bool:
        """Whether a limit is being looked at, or is about to be."""
        with self._wanted:
            return self._busy or bool(self._now)

    def ask(self, limit_id: UUID) -> None:
        """Have a limit looked at; once is enough for all who ask before it is."""
        with self._wanted:
            if limit_id not in self._now:
                self._now.add(limit_id)
                heapq.heappush(self._asked, (time.monotonic(), limit_id))
                self._wanted.notify()

    def _run(self) -> None:
        try:
            while (limit_id := self._take()) is not None:
                self._attend(limit_id)
        finally:
            connection.close()

    def _take(self) -> UUID | None:
        with self._wanted:
            self._busy = False
            while not self._stopping:
                wait = self._asked[0][0] - time.monotonic() if self._asked else None
                if wait is not None and wait <= 0:
                    limit_id = heapq.heappop(self._asked)[1]
                    self._now.discard(limit_id)
                    self._busy = True
                    return limit_id
                self._wanted.wait(wait)
        return None

    def _attend(self, limit_id: UUID) -> None:
        try:
            due_at = admission.attend(limit_id)
        except Error as error:
            logger.warning("a limit could not be looked at; the next sweep tries again: %s", error)
            connection.close()
        except Exception:
            logger.exception("a limit could not be looked at; the next sweep tries again")
        else:
            after = SOON if due_at is None else (due_at - clock.now()).total_seconds()
            if after < SOON:
                with self._wanted:
                    heapq.heappush(self._asked, (time.monotonic() + max(0.0, after), limit_id))


attendants: list[Attendant] = []


@sweep.companion
@contextmanager
def attending() -> Iterator[None]:
    """A thread beside this process's sweeper that attends to what its runs and requests free."""
    attendant = Attendant()
    attendants.append(attendant)
    attendant.start()
    admission.others.append(attendant.ask)
    try:
        yield
    finally:
        admission.others.remove(attendant.ask)
        attendants.remove(attendant)
        attendant.stop()


@sweep.chore
def attend_to_what_is_due() -> None:
    """Look at the limits whose moment came, and at those with room for somebody who stands in line."""
    due = Limit.unscoped.filter(due_at__lte=clock.now()).order_by("due_at").values_list("id", flat=True)
    for limit_id in {*due[: sweep.BATCH], *_with_room()}:
        try:
            admission.attend(limit_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the limit %s could not be looked at; the next sweep tries again", limit_id)


_round = Round[tuple[UUID | None, str]]("limit_id", key=lambda row: row[0])


def _with_room() -> list[UUID]:
    held = Run.unscoped.filter(status=RunStatus.QUEUED, held=True, limit_id__isnull=False)
    rows = _round.take(held.values_list("limit_id", "workflow").distinct(), LINES)
    lines = {limit_id: workflow for limit_id, workflow in rows if limit_id is not None}
    if not lines:
        return []
    in_line = Run.unscoped.filter(limit_id__in=lines, held=False, status__in=admission.TAKEN, ended_at__isnull=True)
    taken = dict(in_line.values("limit_id").annotate(runs=Count("id")).values_list("limit_id", "runs"))
    later = set(Limit.unscoped.filter(id__in=lines, due_at__isnull=False).values_list("id", flat=True))
    return [
        limit_id
        for limit_id, workflow in lines.items()
        if limit_id not in later and _has_room(workflow, taken.get(limit_id, 0))
    ]


def _has_room(workflow: str, taken: int) -> bool:
    try:
        control = registry.find(workflow).control
    except UnknownWorkflow:
        return False  # another process knows it
    return control is None or control.concurrency is None or taken < control.concurrency


_tidied_at: datetime | None = None


@sweep.chore
def tidy() -> None:
    """Forget the limits that nothing stood under for a day, and what was collected a week ago."""
    global _tidied_at
    now = clock.now()
    if _tidied_at is not None and abs(now - _tidied_at) < TIDY_EVERY:
        return
    runs = Run.unscoped.filter(limit_id=OuterRef("id"), ended_at__isnull=True)
    unused = Limit.unscoped.filter(~Exists(runs), used_at__lt=now - UNUSED, collected=0, due_at__isnull=True)
    limits = list(unused.values_list("id", flat=True)[:TIDY_AT_ONCE])
    # Compared once more as it goes: somebody may be starting at this very moment.
    Limit.unscoped.filter(id__in=limits, used_at__lt=now - UNUSED).delete()
    old = Collected.unscoped.filter(created_at__lt=now - REMEMBERED, data__isnull=True)
    collected = list(old.values_list("id", flat=True)[:TIDY_AT_ONCE])
    Collected.unscoped.filter(id__in=collected).delete()
    if TIDY_AT_ONCE not in (len(limits), len(collected)):  # else there is more, and the next sweep goes on
        _tidied_at = now
