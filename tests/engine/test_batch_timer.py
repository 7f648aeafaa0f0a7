"""A batch whose age comes while somebody adds to it: neither waits for the other, and none of it is lost."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from flowapp import Batch, Context, Event, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, sweep
from flowapp.engine.line import admission
from flowapp.engine.models import Limit, Run, Timer
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@workflow(name="batch-timer", triggers=[Event("batch-timer/added")], batch=Batch(3, "5s"))
async def collected(ctx: Context, items: list[dict[str, Any]]) -> int:
    return len(items)


@pytest.fixture
def dispatcher() -> Iterator[ImmediateDispatcher]:
    with scoped(factories.workspace("acme").pk), ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


def add(number: int) -> None:
    events.publish("batch-timer/added", {"n": number}, by=SYSTEM)


def fired() -> None:
    try:
        sweep.fire_due_timers()
    finally:
        connection.close()


def test_a_timer_waits_for_nobody_who_counts(dispatcher: ImmediateDispatcher):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    add(1)
    clock.shift("6s")
    limit = Limit.objects.get()
    with transaction.atomic():
        admission.locked(limit.id, limit.workspace_id, limit.workflow)
        firing = threading.Thread(target=fired)
        firing.start()
        firing.join(timeout=5)
        waited = firing.is_alive()
    firing.join()
    assert not waited
    assert Timer.objects.count() == 1
    clock.shift("1s")
    dispatcher.sweep()
    assert [run.status for run in Run.objects.all()] == ["completed"]


def test_a_timer_of_the_batch_before_begins_nothing_early(dispatcher: ImmediateDispatcher):
    add(1)
    Timer.objects.update(due_at=clock.now())
    clock.shift("1s")
    dispatcher.sweep()
    assert not Run.objects.exists()
    clock.shift("5s")
    dispatcher.sweep()
    assert Run.objects.count() == 1
