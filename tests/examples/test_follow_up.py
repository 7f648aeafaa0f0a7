"""After a sign-up: an order within 30 days ends the wait, silence asks a person."""

from types import ModuleType

import pytest
from asgiref.sync import sync_to_async

from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from flowapp.testing import Clock

pytestmark = pytest.mark.django_db
NEW = {"customer": "C-7", "email": "lee@customer.example"}


async def test_an_order_of_theirs_ends_the_wait(examples: ModuleType) -> None:
    clock = Clock()
    run = await examples.follow_up.follow_up.test(examples.follow_up.SignUp(**NEW), clock=clock)
    assert run.status == "waiting"
    clock.shift("29d")
    await sync_to_async(publish)("C-8", "SO-8")
    await sync_to_async(publish)("C-7", "SO-7")
    await run.proceed()
    assert (run.status, run.output.status, run.output.order) == ("completed", "ordered", "SO-7")


@pytest.mark.parametrize(("outcome", "status"), [("yes", "called"), ("no", "left alone")])
async def test_after_thirty_days_of_silence_a_person_is_asked(examples: ModuleType, outcome: str, status: str) -> None:
    clock = Clock()
    run = await examples.follow_up.follow_up.test(
        examples.follow_up.SignUp(**NEW), clock=clock, decisions={"call": outcome}
    )
    clock.shift("29d")
    await run.proceed()
    assert run.status == "waiting"
    clock.shift("25h")
    await run.proceed()
    assert (run.status, run.output.status) == ("completed", status)


def publish(customer: str, order: str) -> None:
    with scoped(Workspace.objects.get(slug="test").pk):
        events.publish("shop/order-placed", {"id": order, "customer": customer, "total": 0}, by=SYSTEM)
