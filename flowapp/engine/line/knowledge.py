"""Runs whose workflow this process does not have are left to workers that have it, as their rows say.

In a rolling deploy, and where two projects share a database, workers know different workflows. A claim looks at this
only once the process has met such a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from flowapp.engine import clock, lease, registry
from flowapp.engine.models import Run, Worker

_left: frozenset[tuple[str, int, str]] = frozenset()  # workflows, versions and queues that others have


def leave_to_others(run: Run) -> bool:
    """Leave the runs like this one to others from now on; False when no live worker of its queue has the workflow."""
    global _left
    if not _known_elsewhere(run.workflow, run.version, run.queue):
        return False
    _left |= {(run.workflow, run.version, run.queue)}
    return True


def anything_left() -> bool:
    """Whether this process leaves anything to others."""
    global _left
    if _left:
        known = registry.known()
        _left = frozenset(one for one in _left if one[:2] not in known)  # the code came after all
    return bool(_left)


def without(ready: QuerySet[Run]) -> QuerySet[Run]:
    """These runs but for those that are left to others."""
    for workflow, version, queue in _left:
        ready = ready.exclude(Q(workflow=workflow, version=version, queue=queue))
    return ready


def look_again() -> None:
    """Take back what nobody has any more: whoever claims such a run has a person asked."""
    global _left
    for one in _left:
        if not _known_elsewhere(*one):
            _left -= {one}


def _known_elsewhere(workflow: str, version: int, queue: str) -> bool:
    live = Worker.objects.filter(lease_until__gt=clock.now()).exclude(id__in=lease.of_this_process())
    return any(
        registry.label(workflow, version) in knows and _serves(queues, queue)
        for knows, queues in live.values_list("knows", "queues")
    )


def _serves(queues: Sequence[str], queue: str) -> bool:
    return not queues or queue in queues
