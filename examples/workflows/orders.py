"""An order from the shop: stock is held, the risky ones are reviewed, and what was done is undone when a step fails."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from flowapp import ESCALATE, Context, Event, Fatal, Retry, step, workflow

REVIEW_FROM = Decimal(1000)


class Line(BaseModel):
    """A thing ordered."""

    sku: str
    count: Annotated[int, Field(ge=1)]


class Order(BaseModel):
    """What a customer ordered."""

    id: str
    customer: str
    total: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    lines: list[Line]


class Outcome(BaseModel):
    """How an order ended."""

    status: Literal["shipped", "declined", "undone"]
    payment: str = ""
    parcel: str = ""
    reason: str = ""


@step
def reserve(order: Order) -> str:
    """Hold the stock; the answer names what is held."""
    return f"hold-{order.id}"


@step
def release(hold: str) -> None:
    """Give held stock back."""


@step(at_most_once=True, timeout="30s")
def charge(order: Order) -> str:
    """Take the money. Cut off in the middle, it is not repeated: a person is asked instead."""
    return f"pay-{order.id}"


@step(retry=Retry(max_attempts=10, initial="1s", max_delay="5m"))
def refund(payment: str) -> None:
    """Give the money back; tried until it works, for it is owed."""


@step(retry=Retry(max_attempts=3, initial="5s"))
def ship(order: Order) -> str:
    """Hand the parcel to the carrier."""
    if any(line.sku == "piano" for line in order.lines):
        raise Fatal("no carrier takes pianos")
    return f"parcel-{order.id}"


@workflow(
    name="process-order",
    triggers=[Event("shop/order-placed", when="double(event.data.total) > 0.0")],
    search={"customer": "input.customer", "total": "input.total"},
)
async def process_order(ctx: Context, order: Order) -> Outcome:
    """Hold, review, charge, ship. Plain `try/except` is the compensation."""
    hold = await reserve(order)
    if order.total >= REVIEW_FROM:
        decision = await ctx.prompt(
            "review-order",
            type="review",
            title=f"Ship order {order.id} for {order.total:,.2f}",
            data=order,
            assign=["group:finance", "role:manager"],
            timeout="48h",
            on_timeout=ESCALATE,
        )
        if decision.outcome != "approve":
            await release(hold)
            return Outcome(status="declined", reason=decision.reasoning)
    payment = await charge(order)
    try:
        parcel = await ship(order)
    except Exception as failure:
        await refund(payment)
        await release(hold)
        return Outcome(status="undone", payment=payment, reason=str(failure))
    return Outcome(status="shipped", payment=payment, parcel=parcel)
