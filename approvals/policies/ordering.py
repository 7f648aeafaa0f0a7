"""The inbox's orders, each as one sortable text: overdue, then risk, then due, then age; or by one of them alone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from approvals.states import Risk

KEYS: Final = ("queue_key", "age_key", "due_key", "amount_key")
_RISKS = {Risk.HIGH: 0, Risk.MEDIUM: 1, Risk.LOW: 2}
_NEVER = "9" * 20
_MOST = 10**18  # cents; what is larger stands first all the same
_NONE = "9" * 19


def places(
    *, escalated: bool, risk: str, due_at: datetime | None, created_at: datetime, amount: str, id: str
) -> dict[str, str]:
    """The places in every order, by column. Each is one column to sort, page and index by, and no two are equal."""
    return {
        "queue_key": queue_key(escalated=escalated, risk=risk, due_at=due_at, created_at=created_at, id=id),
        "age_key": f"{_stamp(created_at)}{id}",
        "due_key": f"{_stamp(due_at) if due_at else _NEVER}{id}",
        "amount_key": f"{_amount(amount)}{id}",
    }


def queue_key(*, escalated: bool, risk: str, due_at: datetime | None, created_at: datetime, id: str) -> str:
    """The place in the queue. A prompt that escalated is overdue."""
    due = _stamp(due_at) if due_at else _NEVER
    return f"{0 if escalated else 1}{_RISKS[Risk(risk)]}{due}{_stamp(created_at)}{id}"


def _amount(shown: str) -> str:
    """An amount as lists show it, such as "1,250.00 EUR", largest first; what has none comes last."""
    try:
        cents = int(Decimal(shown.partition(" ")[0].replace(",", "")) * 100)
    except InvalidOperation:
        return _NONE
    return f"{_MOST - max(min(cents, _MOST), 0):019d}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")
