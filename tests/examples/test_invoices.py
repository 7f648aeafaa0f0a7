"""A stack of invoices: every one read once, the ambiguous put to finance, all added up."""

from decimal import Decimal
from types import ModuleType

import pytest

from approvals.states import Decision
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, queries
from flowapp.engine.models import Checkpoint

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
    read = Checkpoint.unscoped.filter(name="extract", kind="step")
    assert (await read.acount(), await read.filter(attempts=2).acount()) == (1000, 1000 // 97)


@pytest.mark.django_db(transaction=True)
def test_its_progress_is_there_to_be_seen(
    examples: ModuleType, dispatcher: ImmediateDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = examples.invoices.process_invoices.start(examples.invoices.Stack(count=200))
    text_of, seen = examples.invoices.text_of, []

    def progress() -> list[dict[str, int]]:
        return [wait.detail for wait in queries.run_detail(run.id).waiting_on if wait.kind == "map"]

    def look_meanwhile(number: int) -> str:
        if number == 190:
            seen.extend(progress())
        return str(text_of(number))

    assert progress() == [{"done": 0, "of": 200}]
    monkeypatch.setattr(examples.invoices, "text_of", look_meanwhile)
    dispatcher.drain(("invoices",))
    (meanwhile,) = seen
    assert meanwhile["of"] == 200
    assert 0 < meanwhile["done"] < 200
    clock.shift("1s")  # for the retries
    dispatcher.sweep()
    dispatcher.drain(("invoices",))
    dispatcher.drain()
    assert (run.status, run.output["invoices"], progress()) == ("completed", 200, [])
