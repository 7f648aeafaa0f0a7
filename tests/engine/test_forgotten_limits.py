"""Limits that nothing stands under any more are forgotten, and what was collected long ago with them."""

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import Context, FlowControl, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import attendance, clock
from flowapp.engine.models import Collected, Limit
from flowapp.tenancy.scope import scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@workflow(name="forgettable", control=FlowControl(debounce="2s", key="input.who"))
async def forgettable(ctx: Context, input: dict[str, Any]) -> None:
    if input.get("waits"):
        await ctx.wait_for_signal("go")


@pytest.fixture
def dispatcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImmediateDispatcher]:
    monkeypatch.setattr(attendance, "_tidied_at", None)
    with scoped(factories.workspace("acme").pk), ImmediateDispatcher().installed() as immediate:
        yield immediate
    clock.reset()


def test_after_a_day_and_a_week(dispatcher: ImmediateDispatcher):
    forgettable.start({"who": "a"}, idempotency_key="a")
    waiting = forgettable.start({"who": "b", "waits": True})
    clock.shift("3s")
    dispatcher.sweep()
    assert (Limit.objects.count(), Collected.objects.count()) == (2, 1)
    clock.shift("25h")
    dispatcher.sweep()
    assert (Limit.objects.count(), Collected.objects.count()) == (1, 1)
    waiting.signal("go")
    clock.shift("7d")
    dispatcher.sweep()
    assert (Limit.objects.count(), Collected.objects.count()) == (0, 0)
