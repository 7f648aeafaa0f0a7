"""Rules of flow control that contradict themselves, or cannot be read, are refused when the workflow is registered."""

from typing import Any

import pytest
from pydantic import BaseModel

from flowapp import Batch, Context, Event, FlowControl, workflow
from flowapp.engine import registry
from flowapp.engine.errors import BadDefinition
from flowapp.engine.limits import Rate


class Order(BaseModel):
    customer: str
    tier: int = 0


async def one(ctx: Context, order: Order) -> None: ...


async def many(ctx: Context, orders: list[Order]) -> None: ...


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_workflows", dict(registry._workflows))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"concurrency": 0}, "1 or more, not 0"),
        ({"concurrency": True}, "1 or more, not True"),
        ({"concurrency": "many"}, "1 or more, not 'many'"),
        ({"rate": "often"}, "'often' is not a rate"),
        ({"rate": "0/min"}, "skip every start"),
        ({"rate": 60}, "60 is not a rate"),
        ({"throttle": "soon"}, "throttle: 'soon' is not a duration"),
        ({"throttle": "0s"}, "throttle must be longer than nothing"),
        ({"debounce": "-1s"}, "debounce"),
        ({"debounce": "3s", "debounce_max": "2s"}, "longer than its longest delay"),
        ({"debounce_max": "2s"}, "needs a debounce"),
        ({"singleton": "replace"}, '"skip" or "cancel", not \'replace\''),
        ({"singleton": "skip", "concurrency": 2}, "drop one of them"),
        ({"priority": 1001}, "whole number of -1000 to 1000"),
        ({"priority": "event.data."}, "does not compile"),
        ({"concurrency": 1, "key": "input.customer ="}, "does not compile"),
        ({"concurrency": 1, "key": " "}, "key is empty"),
        ({"key": "input.customer"}, "limits nothing"),
        ({"batch": Batch(2, "1s"), "debounce": "1s"}, "debounce would throw away"),
        ({"batch": Batch(2, "1s"), "rate": "1/s"}, "rate would skip"),
        ({"batch": Batch(2, "1s"), "singleton": "skip"}, "drop batch or singleton"),
        ({"batch": Batch(2, "1s"), "priority": "event.data.tier"}, "give a number"),
    ],
)
def test_what_contradicts_itself_is_refused(rule: dict[str, Any], words: str):
    with pytest.raises(BadDefinition) as refused:
        FlowControl(**rule)
    assert words in str(refused.value)


@pytest.mark.parametrize(("size", "age"), [(1, "5s"), (0, "5s"), (10**6, "5s"), (10, "later"), (10, "0s")])
def test_a_batch_that_cannot_be_is_refused(size: int, age: str):
    with pytest.raises(BadDefinition, match="Batch"):
        Batch(size, age)


def test_paths_are_checked_against_the_input():
    control = FlowControl(concurrency=1, key="input.costumer")
    with pytest.raises(BadDefinition, match=r"reads input\.costumer; input has customer, tier"):
        workflow(name="a-typo", control=control)(one)
    with pytest.raises(BadDefinition, match=r"reads event\.data\.teir"):
        workflow(name="another-typo", control=FlowControl(priority="event.data.teir"))(one)
    with pytest.raises(BadDefinition, match=r"reads event\.data\.costumer"):
        workflow(name="in-a-batch", control=FlowControl(key="event.data.costumer", batch=Batch(2, "1s")))(many)


class Line(BaseModel):
    price: float


class Parcel(BaseModel):
    customer: str
    lines: list[Line]
    notes: dict[str, str] = {}


@pytest.mark.parametrize(
    ("key", "missing"),
    [
        ('input["costumer"]', "input.costumer; input has customer, lines, notes"),
        ("input.lines[0].prise", "input.lines[…].prise; input.lines[…] has price"),
        ("input.lines.all(line, line.prise > 1.0)", "input.lines[…].prise"),
        ("input.lines.filter(line, line.price > 1.0)[0].prise", "input.lines[…].prise"),
        ("has(input.costumer)", "input.costumer"),
        ("input.lines.all(input, input.price > 1.0)", ""),
        ('"input.costumer" + input.notes.anything + input.notes["x"]', ""),
    ],
)
def test_paths_are_found_however_they_are_read(key: str, missing: str):
    async def takes(ctx: Context, parcel: Parcel) -> None: ...

    control = FlowControl(concurrency=1, key=key)
    if not missing:
        assert workflow(name="some-order", control=control)(takes).name == "some-order"
        return
    with pytest.raises(BadDefinition) as refused:
        workflow(name="some-order", control=control)(takes)
    assert f"reads {missing}" in str(refused.value)


def test_a_batch_needs_a_list():
    with pytest.raises(BadDefinition, match="annotate it as list"):
        workflow(name="no-list", batch=Batch(2, "1s"))(one)
    with pytest.raises(BadDefinition, match="given twice"):
        workflow(name="twice", batch=Batch(2, "1s"), control=FlowControl(batch=Batch(2, "1s")))(many)
    accepted = workflow(
        name="a-list", triggers=[Event("a/x")], batch=Batch(2, "1s"), control=FlowControl(concurrency=1)
    )(many)
    assert accepted.control == FlowControl(concurrency=1, batch=Batch(2, "1s"))


@pytest.mark.parametrize(
    ("text", "rate"),
    [("60/min", Rate(60, 60)), ("5/s", Rate(5, 1)), ("1000 / hour", Rate(1000, 3600)), ("10/30s", Rate(10, 30))],
)
def test_rates(text: str, rate: Rate):
    assert FlowControl(rate=text).starts == rate


def test_keys_and_priorities_of_a_start():
    control = FlowControl(concurrency=1, key="event.data.customer", priority="event.data.tier")
    event = {"data": {"customer": "c-1", "tier": 2.6}}
    assert (control.key_of(event, None), control.priority_of(event, None)) == ("c-1", 3)
    assert (control.key_of(None, None), control.priority_of(None, None)) == ("", 0)
    either = FlowControl(concurrency=1, key="event != null ? event.data.customer : input.customer")
    assert (either.key_of(event, {"customer": "c-2"}), either.key_of(None, {"customer": "c-2"})) == ("c-1", "c-2")
    whole = FlowControl(concurrency=1, key="input.parts")
    assert whole.key_of(None, {"parts": [1, {"a": "b"}]}) == '[1, {"a": "b"}]'
    long = whole.key_of(None, {"parts": "x" * 5000})
    assert len(long) < 250
    assert long != whole.key_of(None, {"parts": "x" * 5001})
