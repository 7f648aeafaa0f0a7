"""A real Celery worker on PostgreSQL and Redis, killed at the named points of a run and replaced.

At the points around a decision and a signal it is the web server that dies. The points between two statements of one
process, which are the same code under either dispatcher, are all in test_embedded_on_sqlite.py.
"""

import pytest

from tests.process import checks
from tests.process.installation import Installation

pytestmark = pytest.mark.own_servers

EXPENSE_POINTS = (
    "before claim",
    "after claim",
    "before effect check_policy",
    "after effect check_policy",
    "before checkpoint check_policy",
    "after checkpoint check_policy",
    "before wait manager-approval",
    "while waiting",
    "after decision",
    "before checkpoint issue_receipt",
    "before end",
)
ORDER_POINTS = ("after wait signal:paid", "before checkpoint signal:paid", "after signal")


@pytest.mark.parametrize("point", EXPENSE_POINTS)
def test_an_expense_survives(distributed: Installation, point: str) -> None:
    checks.expense_survives(distributed, point)


@pytest.mark.parametrize("point", ORDER_POINTS)
def test_an_order_survives(distributed: Installation, point: str) -> None:
    checks.order_survives(distributed, point)
