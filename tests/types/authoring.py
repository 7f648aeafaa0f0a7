"""Calls with the types they give, and wrong ones that mypy must refuse: an unused `type: ignore` fails `make check`."""

from dataclasses import dataclass
from decimal import Decimal
from typing import assert_type

from pydantic import BaseModel

from flowapp import Context, Decision, step, workflow


@dataclass
class Order:
    """An order."""

    id: str
    total: Decimal


class Address(BaseModel):
    """A form."""

    city: str


@step
async def charge(order: Order, tip: int = 0) -> str:
    """An async step."""
    return order.id


@step(timeout="3s")
def count(order: Order) -> int:
    """A sync step with options."""
    return 1


async def analyse(order: Order, depth: int) -> list[str]:
    """A plain async function."""
    return [order.id] * depth


def rate(order: Order) -> Decimal:
    """A plain sync function."""
    return order.total


@workflow(name="typed-child")
async def child(ctx: Context, order: Order) -> Decimal:
    """A child."""
    return order.total


@workflow(name="typed-parent")
async def parent(ctx: Context, order: Order) -> str:
    """Everything whose type matters, right and wrong."""
    assert_type(await charge(order), str)
    assert_type(await charge(order, tip=2), str)
    assert_type(await count(order), int)
    await charge("o1")  # type: ignore[arg-type]
    await charge(order, tips=2)  # type: ignore[call-arg]
    wrong: int = await charge(order)  # type: ignore[assignment]

    assert_type(await ctx.step("analyse", analyse, order, 2), list[str])
    assert_type(await ctx.step("rate", rate, order), Decimal)
    await ctx.step("analyse", analyse, order, "2")  # type: ignore[call-arg, arg-type]
    await ctx.step("rate", rate, 7)  # type: ignore[arg-type]
    number: int = await ctx.step("rate", rate, order)  # type: ignore[arg-type]

    assert_type(await ctx.invoke(child, order), Decimal)
    await ctx.invoke(child, "o1")  # type: ignore[misc]
    fee: int = await ctx.invoke(child, order)  # type: ignore[arg-type]
    paid: Address = await ctx.invoke(child, order)  # type: ignore[arg-type]

    assert_type(await ctx.map("rate", rate, [order]), list[Decimal])
    assert_type(await ctx.map("rate", rate, [order], on_error="collect"), list[Decimal | BaseException])
    await ctx.map("rate", rate, ["o1"])  # type: ignore[arg-type]
    rates: list[str] = await ctx.map("rate", rate, [order])  # type: ignore[arg-type]
    kept: list[Decimal] = await ctx.map("rate", rate, [order], on_error="collect")  # type: ignore[assignment]
    await ctx.map("rate", rate, [order], on_error="keep")  # type: ignore[call-overload]

    assert_type(await ctx.wait_for_signal("paid", type=int), int)
    assert_type(await ctx.wait_for_signal("paid", type=int, timeout="1h", default=None), int | None)

    assert_type(await ctx.prompt("ask", type="review", data=order), Decision[None])
    assert_type(await ctx.prompt("where", type="form", form=Address), Decision[Address])
    assert_type(await ctx.prompt("mend", type="edit", data=order), Decision[Order])
    moved = await ctx.prompt("where", type="form", form=Address)
    assert_type(moved.data.city, str)
    street = moved.data.street  # type: ignore[attr-defined]
    mended: Address = (await ctx.prompt("mend", type="edit", data=order)).data  # type: ignore[assignment]
    total = (await ctx.prompt("ask", type="review", data=order)).data.total  # type: ignore[attr-defined]
    await ctx.prompt("ask", type="reveiw")  # type: ignore[call-overload]

    child.start("o1")  # type: ignore[arg-type]
    return f"{wrong} {number} {fee} {paid} {rates} {kept} {street} {mended} {total}"
