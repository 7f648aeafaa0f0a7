"""What is due in the outbox, by line: read from the index, line by line, however many messages wait in each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from .models import OutboxMessage

type Line = tuple[UUID, str]  # what waits for one receiver: the workspace that sends, and who gets it
_TABLE: Final = OutboxMessage._meta.db_table
_PENDING: Final = "channel = %(channel)s AND status = 'pending'"  # as the index has it
# The first message of each line, each found from the one before: of the same workspace, else of the next one.
_LINES: Final = f"""
    WITH RECURSIVE line (workspace_id, receiver, due_at) AS (
        SELECT workspace_id, receiver, due_at FROM {_TABLE} WHERE id = (
            SELECT id FROM {_TABLE} WHERE {_PENDING} ORDER BY workspace_id, receiver, due_at LIMIT 1
        )
        UNION ALL
        SELECT next.workspace_id, next.receiver, next.due_at FROM line JOIN {_TABLE} next ON next.id = COALESCE(
            (
                SELECT id FROM {_TABLE} WHERE {_PENDING} AND workspace_id = line.workspace_id
                AND receiver > line.receiver ORDER BY receiver, due_at LIMIT 1
            ),
            (
                SELECT id FROM {_TABLE} WHERE {_PENDING} AND workspace_id > line.workspace_id
                ORDER BY workspace_id, receiver, due_at LIMIT 1
            )
        )
    )
    SELECT workspace_id, receiver, (
        SELECT COUNT(*) FROM (
            SELECT 1 FROM {_TABLE} WHERE {_PENDING} AND workspace_id = line.workspace_id
            AND receiver = line.receiver AND due_at <= %(now)s LIMIT %(most)s
        ) counted
    )
    FROM line WHERE due_at <= %(now)s ORDER BY due_at
"""  # noqa: S608 - the names of the table and its columns, no more


def waiting(channel: str, now: datetime, most: int) -> dict[Line, int]:
    """How many are due in each line of a channel, counted up to `most`; the line that waits longest comes first."""
    given = {"channel": channel, "now": _moment(now), "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_LINES, given)
        return {(UUID(str(workspace)), receiver): count for workspace, receiver, count in cursor.fetchall()}


def due(channels: Sequence[str], now: datetime) -> list[str]:
    """Those of these channels that have something to send now."""
    if not channels:
        return []
    each = f"SELECT %s WHERE EXISTS (SELECT 1 FROM {_TABLE} WHERE channel = %s AND status = 'pending' AND due_at <= %s)"  # noqa: S608 - as above
    given = [value for channel in channels for value in (channel, channel, _moment(now))]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([each] * len(channels)), given)
        return [channel for (channel,) in cursor.fetchall()]


def _moment(now: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(now)
