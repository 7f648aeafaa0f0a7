"""What others may read of the log: pages of it. The workspace in scope only."""

from datetime import datetime
from uuid import UUID

from .models import AuditEntry


def page(
    *, target: str | None = None, cursor: str | None = None, limit: int = 50
) -> tuple[list[AuditEntry], str | None]:
    """Entries, newest first, and the cursor of the next page. Raises ValueError for a strange cursor."""
    entries = AuditEntry.objects.order_by("-id")
    if target:
        entries = entries.filter(target=target)
    if cursor:
        entries = entries.filter(pk__lt=UUID(cursor))
    found = list(entries[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else None


def count(*, target: str, verb: str, since: datetime) -> int:
    """How often this was done to `target` since then."""
    return AuditEntry.objects.filter(target=target, verb=verb, at__gt=since).count()
