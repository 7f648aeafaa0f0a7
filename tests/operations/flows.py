"""Workflows that these tests start."""

import logging
from contextlib import suppress
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from flowapp import ChildFailed, Context, Retry, step, workflow

CANARY = "ffk_canary_of_a_secret"
FAILING: set[str] = set()  # customers whose payment fails
logger = logging.getLogger("shop.payments")


class Order(BaseModel):
    id: str
    customer: str
    total: Decimal


@step
def pay(order: Order) -> str:
    logger.info("charging %s", order.customer, extra={"order": order.id})
    if order.customer in FAILING:
        raise ValueError(f"{order.customer} has no money")
    return f"paid {order.total}"


@workflow(name="ops-order", search={"order": "input.id", "customer": "input.customer", "total": "input.total"})
async def order(ctx: Context, order: Order) -> str:
    ctx.log.info("began", extra={"order": order.id})
    return await pay(order)


@workflow(name="ops-waits")
async def waits(ctx: Context) -> Any:
    return await ctx.wait_for_signal("go")


@workflow(name="ops-streams")
async def streams(ctx: Context) -> None:
    out = ctx.stream("words")
    for word in ("one ", "two ", "three"):
        await out.write(word)
    await ctx.wait_for_signal("go")


@workflow(name="ops-child")
async def child(ctx: Context, number: int) -> int:
    await ctx.step("double", lambda n: n * 2, number)
    if number < 0:
        await ctx.wait_for_signal("go")
    return number


@workflow(name="ops-parent")
async def parent(ctx: Context, numbers: list[int]) -> list[int]:
    return [await ctx.invoke(child, number) for number in numbers]


@workflow(name="ops-many")
async def many(ctx: Context, count: int) -> int:
    for number in range(count):
        await ctx.step("count", int, number)
    return count


@workflow(name="ops-asks-late")
async def asks_late(ctx: Context, count: int) -> None:
    await ctx.prompt("first", type="confirm", title="Go on?", assign="role:owner", timeout="1h", on_timeout="yes")
    for number in range(count):
        await ctx.step("count", int, number)
    await ctx.prompt("second", type="confirm", title="Go on?", assign="role:owner", timeout="1h", on_timeout="yes")
    await ctx.prompt("third", type="confirm", title="Go on?", assign="role:owner")


@workflow(name="ops-grows")
async def grows(ctx: Context) -> None:
    await ctx.step("first", int, 1)
    await ctx.wait_for_signal("go")
    await ctx.step("second", int, 2)
    await ctx.wait_for_signal("stop")


@step(retry=Retry(max_attempts=2, initial="10ms"))
def never() -> None:
    logger.warning("trying")
    raise ValueError("it never works")


@workflow(name="ops-eventful")
async def eventful(ctx: Context) -> None:
    """A stream, a log, steps of which one is tried twice, and an error."""
    await ctx.stream("words").write("one two three")
    await ctx.step("count", int, 1)
    await never()


class Declined(Exception):
    """An error that carries what nobody but the workflow may see."""

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message, token)
        self.token = token

    def __str__(self) -> str:
        return str(self.args[0])


def decline(number: int) -> None:
    raise Declined("no money", CANARY)


@workflow(name="ops-declined")
async def declined(ctx: Context) -> None:
    await ctx.step("pay", decline, 1)


@workflow(name="ops-declined-parent")
async def declined_parent(ctx: Context) -> None:
    with suppress(ChildFailed):
        await ctx.invoke(declined, None)
    await ctx.map("decline", decline, [1], queue="elsewhere", on_error="collect")


@workflow(name="ops-spreads")
async def spreads(ctx: Context) -> list[int]:
    return await ctx.map("double", double, range(3), queue="elsewhere")


def double(number: int) -> int:
    logger.info("doubling %s", number)
    return number * 2


@workflow(name="ops-sends")
async def sends(ctx: Context) -> list[int]:
    ctx.log.info("began")
    return [await ctx.step("double", double, number, queue="elsewhere") for number in (1, 2)]
