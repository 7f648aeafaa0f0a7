"""A trigger that could never work, or not as it reads, is refused when its workflow is registered."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, FutureDate, field_validator

from flowapp import Batch, Context, Cron, Event, FlowControl, Webhook, workflow
from flowapp.engine import registry
from flowapp.engine.errors import BadDefinition

LONG = "0 0 29 2 */7"  # a 29 February that is a Sunday: once in 28 years


class Order(BaseModel):
    total: int


class Askant(BaseModel):
    """A model whose own check breaks outside of a running installation."""

    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        raise KeyError(name)


class Meeting(BaseModel):
    """A model of which it depends on the day, and on the world, whether a value fits."""

    day: FutureDate
    room: str = "A"

    @field_validator("room")
    @classmethod
    def _open(cls, room: str) -> str:
        if room == "closed":
            raise ValueError("it is closed today")
        return room


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_workflows", {})


async def nothing(ctx: Context) -> None: ...
async def number(ctx: Context, input: int) -> None: ...
async def perhaps(ctx: Context, input: int | None) -> None: ...
async def anything(ctx: Context, input: Any) -> None: ...
async def order(ctx: Context, input: Order) -> None: ...
async def orders(ctx: Context, input: list[Order]) -> None: ...
async def meeting(ctx: Context, input: Meeting) -> None: ...
async def askant(ctx: Context, input: Askant) -> None: ...


# -- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "5 4 31 feb */2"])
def test_a_schedule_that_never_comes_is_refused(expression: str):
    with pytest.raises(BadDefinition, match="never comes"):
        Cron(expression)


@pytest.mark.parametrize("expression", ["0 0 29 2 *", "0 0 30 2 mon", LONG])
def test_a_schedule_that_comes_seldom_is_one(expression: str):
    for year in (2024, 2072, 2096):  # 2100 is no leap year
        cron = Cron(expression)
        assert cron.next(datetime(year, 3, 1, tzinfo=UTC)).year > year - 1


@pytest.mark.parametrize(
    ("fn", "input", "words"),
    [
        (number, "x", "Cron('0 9 * * *'): input: Input should be a valid integer"),
        (number, None, "Cron('0 9 * * *'): input: Input should be a valid integer"),
        (order, {"total": "many"}, "total: Input should be a valid integer"),
        (order, {"sum": 1}, "total: Field required"),
        (meeting, {"day": "2001-01-01", "room": 1}, "room: Input should be a valid string"),
        (nothing, 7, "Cron('0 9 * * *'): input: this workflow takes no input"),
        (anything, {"at": object()}, "value['at'] is a object"),
    ],
)
def test_a_fixed_input_that_does_not_fit_is_refused(fn: Any, input: Any, words: str):
    with pytest.raises(BadDefinition) as refused:
        workflow(name="daily", triggers=[Cron("0 9 * * *", input=input)])(fn)
    assert words in str(refused.value)
    assert "workflow 'daily'" in str(refused.value)


@pytest.mark.parametrize(
    ("fn", "input"),
    [
        (number, 7),
        (number, lambda slot: "judged when its slot comes"),
        (perhaps, None),
        (nothing, None),
        (anything, None),
        (order, {"total": 1}),
        (order, Order(total=1)),
        (askant, {"name": "nobody can say yet"}),
        (meeting, {"day": "2001-01-01"}),
        (meeting, {"day": "2999-01-01", "room": "closed"}),
    ],
)
def test_an_input_that_fits_or_cannot_be_judged_is_accepted(fn: Any, input: Any):
    assert workflow(name="daily", triggers=[Cron("0 9 * * *", input=input)])(fn).triggers


def test_two_schedules_that_are_one_are_refused():
    same = [Cron("0 9 * * *", input=1), Cron("0 9 * * *", tz="Europe/Berlin", input=2), Cron("0 9 * * *", input=3)]
    with pytest.raises(BadDefinition) as refused:
        workflow(name="twice", triggers=same)(number)
    assert "(expression='0 9 * * *', tz='UTC', input=1, missed='once')" in str(refused.value)
    assert "(expression='0 9 * * *', tz='UTC', input=3, missed='once')" in str(refused.value)
    assert len(workflow(name="two", triggers=same[:2])(number).triggers) == 2


# -- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", " ", " order/new"])
def test_a_name_that_no_event_has_is_refused(name: str):
    with pytest.raises(BadDefinition, match="a name is needed, without spaces around it"):
        Event(name)


# -- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("triggers", [[], [Cron("0 9 * * *", input=[])]])
def test_a_batch_that_nothing_collects_is_refused(triggers: Any):
    with pytest.raises(BadDefinition, match="batch collects what Event or Webhook triggers bring"):
        workflow(name="never", triggers=triggers, batch=Batch(2, "1s"))(orders)
    with pytest.raises(BadDefinition, match="batch collects"):
        workflow(name="never", triggers=triggers, control=FlowControl(batch=Batch(2, "1s")))(orders)


@pytest.mark.parametrize("trigger", [Event("order/new", when="event.data.total > 3"), Webhook("shop")])
def test_a_batch_collects_what_fits_its_items(trigger: Any):
    assert workflow(name="collects", triggers=[trigger], batch=Batch(2, "1s"))(orders).control is not None


def test_the_condition_of_a_batch_reads_an_item():
    with pytest.raises(BadDefinition, match=r"reads event\.data\.sum"):
        workflow(name="typo", triggers=[Event("order/new", when="event.data.sum > 3")], batch=Batch(2, "1s"))(orders)
