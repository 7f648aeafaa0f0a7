"""What all lists have in common: `?cursor=&limit=` answers `{"items": […], "next": cursor or null}`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ninja.params import functions
from pydantic import BaseModel

from flowapp.http.problems import invalid

MOST = 200

# Defaults of operations' parameters: `limit: int = LIMIT, cursor: str | None = CURSOR`
LIMIT: Any = functions.Query(50, ge=1, le=MOST, description="How many items at most.")
CURSOR: Any = functions.Query(None, max_length=200, description="`next` of the page before.")


class Page[T](BaseModel):
    """A page of a list; `next` is the cursor of the following one, or null."""

    items: list[T]
    next: str | None = None


@contextmanager
def reading(cursor: str | None) -> Iterator[None]:
    """Around the read of a page: a cursor that is not one of ours is the client's mistake."""
    try:
        yield
    except (ValueError, OverflowError):
        if cursor is None:
            raise
        raise invalid([{"loc": ["cursor"], "msg": "not a cursor of this list: send `next` of a page"}]) from None
