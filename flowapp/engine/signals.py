"""The engine's only upward voice: what changed, told after the commit. Losing a message loses no fact."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

changed = Signal()  # workspace_id: UUID, topic: "run" | "inbox" | …, key: str
ready = Signal()  # queue: str; at least one run became claimable
nudged = Signal()  # run_id: UUID; something arrived for a run that a worker holds
RINGS = 64  # for what becomes ready at once on one queue


def tell(workspace_id: UUID, topic: str, key: str) -> None:
    """Announce a change once the caller's transaction has committed."""
    transaction.on_commit(partial(announce, workspace_id, topic, key), robust=True)


def announce(workspace_id: UUID, topic: str, key: str) -> None:
    """Announce a change that is already committed."""
    changed.send_robust(sender=None, workspace_id=workspace_id, topic=topic, key=key)


def ring(queue: str) -> None:
    """Tell the dispatcher, once the caller's transaction has committed, that there is work."""
    transaction.on_commit(partial(ready.send_robust, sender=None, queue=queue), robust=True)


def ring_for(queues: Iterable[str]) -> None:
    """The same for many runs, each on its queue: often enough for every slot, as whoever hears it looks for more."""
    for queue, count in Counter(queues).items():
        for _ in range(min(count, RINGS)):
            ring(queue)


def nudge(run_id: UUID) -> None:
    """Tell the run's owner, once the caller's transaction has committed, to look at what arrived."""
    transaction.on_commit(partial(nudged.send_robust, sender=None, run_id=run_id), robust=True)
