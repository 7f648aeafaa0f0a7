"""Going round rows of which some may fail for ever, so that these keep no others from their turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet


class Round[T]:
    """Takes up where the last sweep of this process stopped. `field` orders the rows, `key` reads it from one."""

    def __init__(self, field: str, key: Callable[[T], object]) -> None:
        self._field, self._key = field, key
        self._last: object = None

    def take(self, rows: QuerySet[Any, T], most: int) -> list[T]:
        """The next of these rows, once round at most."""
        ordered, last = rows.order_by(self._field), self._last
        found = list((ordered if last is None else ordered.filter(**{f"{self._field}__gt": last}))[:most])
        if last is not None and len(found) < most:
            found += ordered.filter(**{f"{self._field}__lte": last})[: most - len(found)]
        self._last = self._key(found[-1]) if found else None
        return found
