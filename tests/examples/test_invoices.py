"""A stack of invoices: every one read once, the ambiguous put to finance, all added up."""

from decimal import Decimal
from types import ModuleType

import pytest

from approvals.states import Decision
from flowapp.engine import clock

pytestmark = pytest.mark.django_db


async def test_people_settle_what_is_ambiguous(examples: ModuleType) -> None:
    invoices = examples.invoices
    settled = Decision(
        outcome="submit", reasoning="", data=invoices.Settlement(total=10), by=None, at=clock.now(), channel="web"
    )
    run = await invoices.process_invoices.test(
        invoices.Stack(count=1000), decisions={f"total-of-INV-{number:05d}": settled for number in (500, 1000)}
    )
    assert run.status == "completed"
    plain = sum(Decimal(number % 1000) + Decimal("0.50") for number in range(1, 1001) if number % 500)
    assert (run.output.invoices, run.output.settled_by_people) == (1000, 2)
    assert run.output.total == plain + 20
