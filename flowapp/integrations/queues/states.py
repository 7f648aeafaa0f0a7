"""How the queues do that this process reads, written down where admins and metrics find it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError

from flowapp.engine import clock, failures
from flowapp.integrations.queue_tables import QueueState
from flowapp.tenancy import queries
from flowapp.tenancy.scope import scoped

from .sources import Source

logger = logging.getLogger("flowapp.integrations")
SAY_EVERY = timedelta(seconds=30)  # also when nothing changed
SILENT = timedelta(seconds=90)  # longer than a worker that fails says nothing: its pause, the try, and SAY_EVERY
LONGEST_ERROR = 500  # characters


class Telling:
    """Says for one source how it does: at each change, and now and then.

    All workers say it in one row, where a failure stands until the worker that told of it last reads again, or says
    nothing more: others may well read all the while.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._said: bool | None = None  # whether it could be read
        self._again_at: datetime | None = None
        self._failed_at: datetime | None = None  # when it said last that it cannot

    def reads(self) -> None:
        """It can be read."""
        self._say(None)

    def fails(self, error: Exception) -> None:
        """It cannot be read just now."""
        self._say(error)

    def _say(self, error: Exception | None) -> None:
        now, fine = clock.now(), error is None
        if self._said is fine and self._again_at is not None and now < self._again_at:
            return
        try:
            self._write(error, now)
        except DatabaseError as away:  # which everybody notices without us
            logger.debug("how %s does could not be noted: %s", self._source.label, away)
            return
        self._said, self._again_at = fine, now + SAY_EVERY

    def _write(self, error: Exception | None, now: datetime) -> None:
        workspace = queries.workspace(self._source.workspace)
        if workspace is None:  # a setting that names none; the log says so
            return
        with scoped(workspace.pk):
            place = {"source": self._source.label, "place": self._source.place}
            row, _ = QueueState.objects.get_or_create(**place, defaults={"told_at": now})
            if error is None and row.failing_since and self._fails_elsewhere(row, now):
                return
            row.told_at = now
            row.failing_since = None if error is None else row.failing_since or now
            row.error = "" if error is None else f"{type(error).__name__}: {failures.message(error)}"[:LONGEST_ERROR]
            row.save(update_fields=["told_at", "failing_since", "error"])
        self._failed_at = None if error is None else now

    def _fails_elsewhere(self, row: QueueState, now: datetime) -> bool:
        """Whether another worker said lately that it cannot read."""
        return row.told_at != self._failed_at and row.told_at > now - SILENT
