"""After a sign-up: an order within 30 days ends the wait, silence asks a person."""

from types import ModuleType

import pytest
from asgiref.sync import sync_to_async

from approvals.models import Prompt
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import clock, queries
from flowapp.engine.models import Run
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Role, Workspace
from flowapp.tenancy.scope import scoped
from flowapp.testing import Clock
from tests import factories

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


@pytest.mark.django_db(transaction=True)
def test_a_sign_up_starts_it(examples: ModuleType, dispatcher: ImmediateDispatcher) -> None:
    events.publish("shop/signed-up", NEW, by=SYSTEM)
    run = Run.objects.get(workflow="follow-up")
    assert run.status == "waiting"
    events.publish("shop/order-placed", {"id": "SO-7", "customer": "C-7", "total": 0}, by=SYSTEM)
    assert queries.run_detail(run.id).output == {"status": "ordered", "order": "SO-7"}


@pytest.mark.django_db(transaction=True)
def test_a_sign_up_and_a_month_of_silence_end_in_a_question(
    examples: ModuleType, dispatcher: ImmediateDispatcher
) -> None:
    factories.member("Bo", Role.MANAGER)
    events.publish("shop/signed-up", NEW, by=SYSTEM)
    run = Run.objects.get(workflow="follow-up")
    clock.shift("29d")
    dispatcher.sweep()
    assert not Prompt.objects.exists()
    clock.shift("25h")
    dispatcher.sweep()
    prompt = Prompt.objects.get()
    assert (prompt.run_id, prompt.name, prompt.status) == (run.id, "call", "pending")
    assert prompt.title == "Call lee@customer.example: signed up a month ago, has ordered nothing"
    clock.shift("8d")
    dispatcher.sweep()
    assert queries.run_detail(run.id).output == {"status": "left alone", "order": ""}


def publish(customer: str, order: str) -> None:
    with scoped(Workspace.objects.get(slug="test").pk):
        events.publish("shop/order-placed", {"id": order, "customer": customer, "total": 0}, by=SYSTEM)
