"""What a workflow's body says wrong is refused when it is registered, with the line."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field

import flowapp
from flowapp import Context, Retry, workflow
from flowapp.engine import registry
from flowapp.engine.errors import BadDefinition
from flowapp.engine.triggers import Event


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_workflows", dict(registry._workflows))


class Customer(BaseModel):
    name: str = Field(alias="fullName")


class Order(BaseModel):
    id: str
    total: Decimal
    customer: Customer
    extra: dict[str, Any] = {}
    note: str | None = None


async def sleeps(ctx: Context) -> None:
    await ctx.sleep("3 dayz")


async def sleeps_for_ages(ctx: Context) -> None:
    await ctx.sleep("99999999999d")


async def retries_faster_and_faster(ctx: Context) -> None:
    await ctx.step("look", str, 1, retry=Retry(factor=-2))


async def sleeps_by_keyword(ctx: Context) -> None:
    await ctx.sleep(duration="soon")


async def retries(ctx: Context, order: Order) -> None:
    await ctx.step("look", str, order, retry=Retry(initial="soon", max_attempts=len(order.id)))


async def retries_as_an_attribute(ctx: Context) -> None:
    await ctx.step("look", str, 1, retry=flowapp.Retry(3, "1s", 2, "late"))


async def never_tries(ctx: Context) -> None:
    policy = Retry(max_attempts=0)
    await ctx.map("look", str, [1], retry=policy)


async def times_out(ctx: Context) -> None:
    await ctx.wait_for_signal("go", timeout="-")


async def does_not_compile(ctx: Context) -> None:
    await ctx.wait_for_event("paid", match="event.data.id ==")


async def matches_what_is_not_there(ctx: Context, order: Order) -> None:
    await ctx.wait_for_event("paid", match="event.data.order_id == input.number")


async def escalates(ctx: Context) -> None:
    await ctx.prompt("ask", title="?", assign="role:owner", escalate=[("soon", "role:admin")])


async def under_another_name(context: Context) -> None:
    await context.sleep("soon")


@pytest.mark.parametrize(
    ("fn", "offset", "told"),
    [
        (sleeps, 1, "ctx.sleep: '3 dayz' is not a duration"),
        (sleeps_for_ages, 1, "ctx.sleep: '99999999999d' is longer than 100 years"),
        (retries_faster_and_faster, 1, "Retry(factor=-2)"),
        (sleeps_by_keyword, 1, "ctx.sleep: 'soon' is not a duration"),
        (retries, 1, "Retry(initial=…): 'soon' is not a duration"),
        (retries_as_an_attribute, 1, "Retry(max_delay=…): 'late' is not a duration"),
        (never_tries, 1, "Retry(max_attempts=0): give a whole number, from 1"),
        (times_out, 1, "ctx.wait_for_signal: '-' is not a duration"),
        (does_not_compile, 1, "ctx.wait_for_event: the expression 'event.data.id ==' does not compile"),
        (matches_what_is_not_there, 1, "reads input.number; input has id, total, customer, extra, note"),
        (escalates, 1, "ctx.prompt: 'soon' is not a duration"),
        (under_another_name, 1, "context.sleep: 'soon' is not a duration"),
    ],
)
def test_a_mistake_in_the_body(fn: Any, offset: int, told: str):
    with pytest.raises(BadDefinition) as refused:
        workflow()(fn)
    line = fn.__code__.co_firstlineno + offset
    assert str(refused.value).startswith(f"workflow '{fn.__name__.replace('_', '-')}': line {line}: ")
    assert told in str(refused.value)


def initial() -> str:
    return "1s"


async def fulfil(ctx: Context, order: Order) -> None:
    wait = "2" + "h"
    await ctx.sleep(wait)
    await ctx.step("look", str, order, retry=Retry(3, initial(), max_delay=wait, non_retryable=(KeyError,)))
    await ctx.wait_for_event(
        "paid", match="event.data.id == input.id && input.customer.fullName.startsWith('input.nothing')", timeout="7d"
    )


@pytest.mark.parametrize(
    "when",
    [
        "event.data.total > 0",
        "event.data.customer.name == 'Ana'",
        "event.data.customer.fullName.size() > 3",
        "event.data.extra.anything == 1",
        "has(event.data.note) && event.name == 'order/created'",
        "event.data.note.whatever == 1",
    ],
)
def test_what_may_be_there_is_accepted(when: str):
    workflow(name=f"accepted {when}", triggers=[Event("order/created", when=when)], search={"sum": "input.total"})(
        fulfil
    )


def test_a_trigger_that_reads_what_its_input_lacks():
    with pytest.raises(BadDefinition, match=r"workflow 'wrong': .*reads event\.data\.customer\.mail; .* has fullName"):
        workflow(name="wrong", triggers=[Event("order/created", when="event.data.customer.mail != ''")])(fulfil)


def test_a_search_field_that_its_input_lacks():
    with pytest.raises(BadDefinition, match=r"search 'sum': .*reads input\.sum; input has id, total"):
        workflow(name="wrong", search={"sum": "input.sum"})(fulfil)
