"""Cursors: where a page ended, as text. One column, or a moment and an id where moments may be equal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet


def after_text[M: Model](rows: QuerySet[M], column: str, cursor: str | None) -> QuerySet[M]:
    """The rows behind the cursor in a text column's order; backwards with a minus before its name.

    Raises ValueError for a cursor that no row can have.
    """
    if cursor and "\0" in cursor:
        raise ValueError(f"{cursor!r} is not a cursor of this list")
    beyond = "lt" if column.startswith("-") else "gt"
    return rows.filter(**{f"{column.removeprefix('-')}__{beyond}": cursor}) if cursor else rows


def before_moment[M: Model](rows: QuerySet[M], moment: str, id: str, cursor: str | None) -> QuerySet[M]:
    """The rows behind the cursor, newest first. Raises ValueError for a cursor that is not one of ours."""
    if not cursor:
        return rows
    at, pk = _parse(cursor)
    earlier: dict[str, Any] = {f"{moment}__lt": at}
    same: dict[str, Any] = {moment: at, f"{id}__lt": pk}
    # The first condition lets the index begin at the cursor; the second drops what was shown before it.
    return rows.filter(**{f"{moment}__lte": at}).filter(Q(**earlier) | Q(**same))


def moment_cursor(at: datetime | None, id: UUID) -> str:
    """The cursor of a row."""
    assert at is not None
    return f"{at.isoformat()}~{id}"


def _parse(cursor: str) -> tuple[datetime, UUID]:
    at, _, pk = cursor.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(pk)
    except (ValueError, OverflowError):
        raise ValueError(f"{cursor!r} is not a cursor of this list") from None
