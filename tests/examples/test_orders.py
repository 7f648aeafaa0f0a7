"""An order: the review of what is large, and what is undone when shipping fails."""

import json
from types import ModuleType
from typing import Any

import pytest

from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped

from .conftest import EXAMPLES

pytestmark = pytest.mark.django_db


def order(**changes: Any) -> dict[str, Any]:
    return {"id": "SO-1", "customer": "C-7", "total": "250.00", "lines": [{"sku": "desk", "count": 1}]} | changes


def names(run: Any) -> list[str]:
    return [step.name for step in run.steps]


async def test_a_small_one_is_shipped(examples: ModuleType) -> None:
    run = await examples.orders.process_order.test(examples.orders.Order(**order()))
    assert (run.status, run.output.status, run.output.parcel) == ("completed", "shipped", "parcel-SO-1")
    assert names(run) == ["reserve", "charge", "ship"]


@pytest.mark.parametrize(("outcome", "status"), [("approve", "shipped"), ("deny", "declined")])
async def test_a_large_one_is_reviewed(examples: ModuleType, outcome: str, status: str) -> None:
    large = examples.orders.Order(**order(total="1000.00"))
    run = await examples.orders.process_order.test(large, decisions={"review-order": outcome}, always_suspend=True)
    assert (run.status, run.output.status) == ("completed", status)
    assert ("charge" in names(run)) == (outcome == "approve")


async def test_what_was_done_is_undone_when_it_cannot_be_shipped(examples: ModuleType) -> None:
    piano = examples.orders.Order(**order(lines=[{"sku": "piano", "count": 1}]))
    run = await examples.orders.process_order.test(piano)
    assert (run.output.status, run.output.reason) == ("undone", "no carrier takes pianos")
    assert names(run) == ["reserve", "charge", "ship", "refund", "release"]


def test_the_order_beside_it_starts_it(examples: ModuleType, django_capture_on_commit_callbacks: Any) -> None:
    order = json.loads((EXAMPLES / "order.json").read_text())
    with scoped(Workspace.objects.create(slug="orders", name="Orders").pk):
        with django_capture_on_commit_callbacks(execute=True):
            done = events.publish("shop/order-placed", order, by=SYSTEM)
        found = events.found_by(done.id)
    assert [one["workflow"] for one in found.matched] == ["process-order"], found.skipped
