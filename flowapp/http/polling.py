"""Without Redis: each second every process asks the database what changed. Rooms register what to ask.

Only workspaces that somebody looks at right now are asked about.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import close_old_connections, connection

from flowapp.engine import clock, queries
from flowapp.engine.upkeep import bulk
from flowapp.tenancy.scope import scoped

from .hints import Hint, Sink

log = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=1)
# A transaction may commit later than the time it wrote, so each look goes back further than the last.
_OVERLAP = timedelta(seconds=5)


class Change(NamedTuple):
    """Something of the workspace in scope that changed, and the time written on it."""

    topic: str
    key: str
    at: datetime


def runs(since: datetime) -> Iterable[Change]:
    """The runs that changed. Whoever asked or answered a prompt also moved its run, so inboxes look again too."""
    for run_id, at in queries.changed_since(since):
        yield Change("run", str(run_id), at)
        yield Change("inbox", "", at)


def bulk_jobs(since: datetime) -> Iterable[Change]:
    """The bulk verbs that got on."""
    for job_id, at in bulk.changed_since(since):
        yield Change("bulk", str(job_id), at)


Poll = Callable[[datetime], Iterable[Change]]
_polls: list[Poll] = [runs, bulk_jobs]


def register(poll: Poll) -> Poll:
    """Have `poll(since)` asked what changed in the workspace in scope since then. One indexed query, please."""
    _polls.append(poll)
    return poll


class Watch:
    """What was seen before, so that the overlap tells nothing twice."""

    def __init__(self, now: datetime) -> None:
        self._seen: dict[UUID, set[Change]] = {}
        self._looked_at = now

    def look(self, workspaces: Iterable[UUID], now: datetime) -> list[Hint]:
        """The changes in these workspaces that were not seen yet."""
        since = self._looked_at - _OVERLAP
        found = {workspace_id: _changes(workspace_id, since) for workspace_id in workspaces}
        new = [
            Hint(workspace_id, change.topic, change.key)
            for workspace_id, changes in found.items()
            for change in changes - self._seen.get(workspace_id, set())
        ]
        self._seen, self._looked_at = found, now
        return new


def _changes(workspace_id: UUID, since: datetime) -> set[Change]:
    with scoped(workspace_id):
        return {change for poll in _polls for change in poll(since)}


class PollingCarrier:
    """Brings in what other processes did by looking into the database; nothing to send, the database has it."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def send(self, hint: Hint) -> None:
        """The other processes will see it in the database."""

    def start(self, sink: Sink) -> None:
        threading.Thread(target=self._run, args=(sink,), name="flowapp-hints", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, sink: Sink) -> None:
        watch = Watch(clock.now())
        while not self._stopped.wait(INTERVAL.total_seconds()):
            look(watch, sink)
        connection.close()


def look(watch: Watch, sink: Sink) -> None:
    """One look into the database; when that is down, the next look covers this one's time."""
    close_old_connections()
    try:
        for hint in watch.look(sink.workspaces(), clock.now()):
            sink.deliver(hint)
    except Exception:
        log.warning("could not look for changes, trying again in a second", exc_info=True)
    finally:
        close_old_connections()
