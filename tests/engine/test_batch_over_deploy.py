"""A batch collected before a deploy begins after it: what fits is in it, what does not is said to be left out."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from flowapp import Batch, Context, Event, workflow
from flowapp.audit.models import AuditEntry
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, registry
from flowapp.engine.handle import Run as Handle
from flowapp.engine.models import Collected, Run
from flowapp.engine.reading import readings
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


class Old(BaseModel):
    n: int


class New(Old):
    who: str


class Broken(Old):
    @field_validator("n")
    @classmethod
    def _known(cls, n: int) -> int:
        return {9: 9}[n]


async def old(ctx: Context, items: list[Old]) -> Any: ...


async def new(ctx: Context, items: list[New]) -> list[int]:
    return [item.n for item in items]


async def broken(ctx: Context, items: list[Broken]) -> list[int]:
    return [item.n for item in items]


@pytest.fixture(autouse=True)
def dispatcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImmediateDispatcher]:
    monkeypatch.setattr(registry, "_workflows", {})
    with scoped(factories.workspace("acme").pk), ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


def deploy(body: Any, version: int) -> None:
    registry._workflows.clear()
    workflow(name="collects", version=version, triggers=[Event("b/x")], batch=Batch(3, "5s"))(body)


def publish(n: int, **more: Any) -> Any:
    return events.publish("b/x", {"n": n, **more}, by=SYSTEM).id


def outputs() -> list[Any]:
    return [Handle(run.id).output for run in Run.objects.order_by("id")]


@pytest.mark.parametrize(("body", "reason"), [(new, "who: Field required"), (broken, "KeyError")])
def test_it_begins_with_those_that_fit(
    dispatcher: ImmediateDispatcher, caplog: pytest.LogCaptureFixture, body: Any, reason: str
):
    deploy(old, 1)
    before = publish(1)
    deploy(body, 2)
    for _ in range(3):
        after = publish(9, who="a")
    assert outputs() == [[9, 9]]
    clock.shift("6s")
    dispatcher.sweep()
    assert outputs() == [[9, 9], [9]]
    assert events.found_by(after).skipped == []
    [skip] = events.found_by(before).skipped
    assert skip["workflow"] == "collects"
    assert reason in skip["reason"]
    assert events.found_by(before).matched == []
    assert f"{before}" in caplog.text
    entry = AuditEntry.objects.get(verb="batch.dropped")
    assert (entry.target, entry.after["events"]) == ("workflow:collects", [str(before)])


def test_it_waits_for_a_process_that_knows_the_workflow(dispatcher: ImmediateDispatcher):
    deploy(new, 1)
    publish(1, who="a")
    known = dict(registry._workflows)
    registry._workflows.clear()
    clock.shift("1h")
    dispatcher.sweep()
    assert readings.oldest_due() is None  # nothing is late here
    registry._workflows.update(known)
    clock.shift("1s")
    dispatcher.sweep()
    assert outputs() == [[1]]


def test_nothing_that_fits_begins_nothing(dispatcher: ImmediateDispatcher):
    deploy(old, 1)
    publish(1)
    publish(2)
    deploy(new, 2)
    clock.shift("6s")
    dispatcher.sweep()
    assert not Run.objects.exists()
    assert not Collected.objects.filter(data__isnull=False).exists()
    for n in range(3):
        publish(n, who="a")
    assert outputs() == [[0, 1, 2]]
