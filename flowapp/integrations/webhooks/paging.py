"""Pages of rows whose ids sort by the time they were made: the cursor is the last id shown."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model, QuerySet

SHOWN = 25


@dataclass(frozen=True, slots=True)
class Page[M: Model]:
    """Rows, newest first, and the cursor of the next page."""

    items: list[M]
    next: str | None


def page[M: Model](rows: QuerySet[M], cursor: str | None, limit: int) -> Page[M]:
    """One page. Raises ValueError for a cursor that is not one of ours."""
    if cursor:
        rows = rows.filter(pk__lt=UUID(cursor))
    found = list(rows.order_by("-pk")[: limit + 1])
    return Page(found[:limit], str(found[limit - 1].pk) if len(found) > limit else None)
