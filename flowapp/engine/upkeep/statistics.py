"""Keeps SQLite's statistics: without them it prefers a workspace's index over a row's key. PostgreSQL keeps its own."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from flowapp.engine import clock, sweep

EVERY = timedelta(hours=1)
_kept_at: datetime | None = None


@sweep.chore
def keep() -> None:
    """Have SQLite look, at the first sweep and then hourly, at the tables whose shape changed."""
    global _kept_at
    now = clock.now()
    if connection.vendor == "sqlite" and (_kept_at is None or now - _kept_at > EVERY):
        _kept_at = now
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA optimize = 0x10002")
