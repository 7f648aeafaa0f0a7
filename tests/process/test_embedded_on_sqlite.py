"""`flowapp dev` on SQLite, killed at every named point of a run and started again: nothing repeated, nothing lost."""

import pytest

from tests.process import checks, stories
from tests.process.installation import Installation

pytestmark = pytest.mark.own_servers


@pytest.mark.parametrize("point", stories.EXPENSE_POINTS)
def test_an_expense_survives(embedded: Installation, point: str) -> None:
    checks.expense_survives(embedded, point)


@pytest.mark.parametrize("point", stories.ORDER_POINTS)
def test_an_order_survives(embedded: Installation, point: str) -> None:
    checks.order_survives(embedded, point)
