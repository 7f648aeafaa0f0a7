"""A run named by a part of its id, as people copy it from a list: how it begins or ends."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import TextField, Value
from django.db.models.functions import Cast, Replace

from flowapp.engine.models import Run

LOOKED_AT: Final = 100_000  # newest runs of a workspace whose ids' ends are looked at; beginnings have an index
MOST: Final = 200
_DIGITS: Final = 32


def named(part: str) -> tuple[UUID, ...]:
    """The newest runs of the workspace in scope whose id begins or ends so. `part` is hexadecimal, dashes allowed."""
    digits = part.replace("-", "").lower()
    if len(digits) > _DIGITS:
        return ()
    lowest, highest = (UUID(digits.ljust(_DIGITS, fill)) for fill in "0f")
    ids = Run.objects.order_by("-id").values_list("id", flat=True)
    begins = set(ids.filter(id__range=(lowest, highest))[:MOST])
    if len(digits) == _DIGITS:
        return tuple(begins)
    oldest = ids[LOOKED_AT : LOOKED_AT + 1].first()
    near = ids.filter(id__gt=oldest) if oldest else ids
    text = Replace(Cast("id", TextField()), Value("-"), Value(""), output_field=TextField())
    ends = set(near.alias(text=text).filter(text__endswith=digits)[:MOST])
    return tuple(sorted(begins | ends, reverse=True)[:MOST])
