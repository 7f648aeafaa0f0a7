"""The cap on the running runs of each workspace, so that none takes up all workers.

As long as all live workers together have no more slots than the cap, it cannot be reached, and claims cost what they
cost without it. Else each claim counts, and claims wait for each other.
"""

from __future__ import annotations

import time
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, QuerySet, Sum

from flowapp.engine import clock
from flowapp.engine.models import Run, Worker
from flowapp.engine.states import RunStatus

LOOK_EVERY = 1.0  # seconds between two looks at who works
_ADVISORY_LOCK = 4_704_123_001  # of all claimers, where the cap can be reached
_looked_at = float("-inf")
_slots = 0


def binding() -> int | None:
    """The cap, when the workers there are could together go over it."""
    global _looked_at, _slots
    cap: int = settings.FLOWAPP_WORKSPACE_CONCURRENCY
    now = time.monotonic()
    if now - _looked_at > LOOK_EVERY:
        _looked_at = now
        live = Worker.objects.filter(lease_until__gt=clock.now())
        _slots = live.aggregate(slots=Sum("concurrency"))["slots"] or 0
    return cap if _slots > cap else None


def first_within(cap: int, ready: QuerySet[Run], limit: int) -> list[UUID]:
    """The first `limit` of these runs whose workspaces stay within the cap, locked, within the caller's transaction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
        ready = ready.select_for_update(skip_locked=True, no_key=True)
    running = Run.unscoped.filter(status=RunStatus.RUNNING).values("workspace_id")
    counts: dict[UUID, int] = dict(running.annotate(runs=Count("id")).values_list("workspace_id", "runs"))
    chosen: list[UUID] = []
    while len(chosen) < limit:
        full = [workspace_id for workspace_id, count in counts.items() if count >= cap]
        more = ready.exclude(workspace_id__in=full).exclude(id__in=chosen).values_list("id", "workspace_id")
        rows = list(more[: limit - len(chosen)])
        if not rows:
            break
        for id_, workspace_id in rows:
            if counts.get(workspace_id, 0) < cap:
                counts[workspace_id] = counts.get(workspace_id, 0) + 1
                chosen.append(id_)
    return chosen
