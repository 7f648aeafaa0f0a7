"""Readings of the whole installation, over all workspaces: how long the line is, how late it is, what waits.

Each is one cheap question by an index; none counts history. For operators: metrics, /readyz, the operations page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models import Count, Min

from flowapp.engine import clock, crons, registry
from flowapp.engine.models import READY, BulkJob, Event, Limit, Run, Timer, Wait, Worker
from flowapp.engine.states import LIVE
from flowapp.tenancy.models import Workspace

SHOWN_EVENTS: Final = 10
SHOWN_STATUSES: Final = tuple(sorted(str(status) for status in LIVE))


@dataclass(frozen=True, slots=True)
class Queue:
    """A line of ready runs. `since` is when the one that waits longest got ready."""

    name: str
    depth: int
    since: datetime

    @property
    def age(self) -> float:
        """How long that one waits by now, in seconds."""
        return max(0.0, (clock.now() - self.since).total_seconds())


@dataclass(frozen=True, slots=True)
class Due:
    """The oldest thing that should have happened by now and has not."""

    what: str
    since: datetime
    age: float


def queues(workspace_id: UUID | None = None) -> list[Queue]:
    """The lines that are not empty; of one workspace, or of all."""
    ready = Run.unscoped.filter(READY)
    if workspace_id is not None:
        ready = ready.filter(workspace_id=workspace_id)
    found = ready.values("queue").annotate(depth=Count("id"), since=Min("updated_at")).order_by("queue")
    return [Queue(row["queue"], row["depth"], row["since"]) for row in found]


def oldest_due(lines: Iterable[Queue] | None = None) -> Due | None:
    """What is due longest: a ready run, a deadline of a wait, a timer, a schedule, a limit's next start, an event that
    nobody was told of.

    What belongs to a workflow that this process does not know is another's to do, or was taken out of the code. What is
    sent to other systems is not here: a receiver that is away is not our delay.
    """
    now = clock.now()
    known = {definition.name for definition in registry.newest()}
    lines = queues() if lines is None else lines
    found = {
        "a ready run that no worker took": min((line.since for line in lines), default=None),
        "a wait whose time has come": _oldest(Wait.unscoped.filter(arrival__isnull=True, due_at__lte=now), "due_at"),
        "a timer": _oldest(Timer.unscoped.filter(due_at__lte=now), "due_at"),
        "a schedule's slot": _oldest(crons.due(now), "next_at"),
        "a start that flow control put off": _oldest(
            Limit.unscoped.filter(due_at__lte=now, workflow__in=known), "due_at"
        ),
        "an event that nobody was told of": _untold_since(now),
    }
    due = [(since, what) for what, since in found.items() if since is not None]
    if not due:
        return None
    since, what = min(due)
    return Due(what, since, max(0.0, (now - since).total_seconds()))


def _untold_since(now: datetime) -> datetime | None:
    """Of events to be looked at; those that failed are due when they are tried again, and shown otherwise."""
    untold = Event.unscoped.filter(looked=False)
    new = untold.filter(look_at__isnull=True).order_by("id").values_list("created_at", flat=True).first()
    again = _oldest(untold.filter(look_at__lte=now), "look_at")
    return min((at for at in (new, again) if at is not None and at <= now), default=None)


def stuck_events(workspace_id: UUID) -> list[Event]:
    """Events of a workspace that could not be handled so far, those first that are tried again last."""
    stuck = Event.unscoped.filter(workspace_id=workspace_id, looked=False, look_at__isnull=False)
    return list(stuck.order_by("-look_at", "-id").defer("data")[:SHOWN_EVENTS])


def count_stuck_events() -> int:
    """How many there are, over all workspaces."""
    return Event.unscoped.filter(looked=False, look_at__isnull=False).count()


def live_runs(workspace_id: UUID | None = None) -> dict[str, int]:
    """How many runs stand in each live status; history is not counted."""
    # The workspaces are named, because the index of statuses begins with them.
    ids = [workspace_id] if workspace_id else list(Workspace.objects.values_list("id", flat=True))
    live = Run.unscoped.filter(workspace_id__in=ids, status__in=SHOWN_STATUSES)
    found = dict(live.order_by().values("status").annotate(n=Count("id")).values_list("status", "n"))
    return {status: found.get(status, 0) for status in SHOWN_STATUSES}


def open_waits() -> dict[str, int]:
    """How many open waits there are of each kind; those of kind `prompt` are the pending prompts."""
    open_ = Wait.unscoped.filter(arrival__isnull=True).order_by()
    return dict(open_.values("kind").annotate(n=Count("run_id")).values_list("kind", "n"))


def live_workers() -> list[Worker]:
    """The workers whose lease holds, the newest heartbeat first."""
    return list(Worker.objects.filter(lease_until__gt=clock.now()).order_by("-heartbeat_at")[:1000])


def open_bulk_jobs() -> int:
    """How many bulk jobs are being worked on."""
    return BulkJob.unscoped.filter(status="running").count()


@dataclass(frozen=True, slots=True)
class Move:
    """Where a run stands now, for whoever follows all of them."""

    run_id: UUID
    workflow: str
    status: str
    error: str
    started_at: datetime | None
    ended_at: datetime | None


def moves(run_ids: Iterable[UUID]) -> list[Move]:
    """Where these runs stand, of whatever workspace."""
    found = Run.unscoped.filter(id__in=list(run_ids)).defer("input", "output", "search", "requester")
    return [Move(run.id, run.workflow, run.status, run.error_type or "", run.started_at, run.ended_at) for run in found]


def _oldest(rows: models.QuerySet[Any], moment: str) -> datetime | None:
    found: datetime | None = rows.order_by(moment).values_list(moment, flat=True).first()
    return found
