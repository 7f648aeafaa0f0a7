"""The inbox's order as one sortable text: overdue, then risk, then due, then age."""

from __future__ import annotations

from datetime import UTC, datetime

from approvals.states import Risk

_RISKS = {Risk.HIGH: 0, Risk.MEDIUM: 1, Risk.LOW: 2}
_NEVER = "9" * 20


def queue_key(*, escalated: bool, risk: str, due_at: datetime | None, created_at: datetime, id: str) -> str:
    """The place in the queue: one column to sort, page and index by. A prompt that escalated is overdue."""
    due = _stamp(due_at) if due_at else _NEVER
    return f"{0 if escalated else 1}{_RISKS[Risk(risk)]}{due}{_stamp(created_at)}{id}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")
