"""Workflows that the web tests start."""

from datetime import date
from decimal import Decimal
from enum import Enum

from pydantic import BaseModel, Field

from flowapp import Context, step, workflow

FAILURES: list[str] = []  # steps that are to fail, once for each mention


class Tier(Enum):
    STANDARD = "standard"
    PRIORITY = "priority"


class Address(BaseModel):
    street: str
    city: str
    country: str = "DE"


class Customer(BaseModel):
    name: str = Field(min_length=1, description="As on the contract")
    address: Address
    limit: Decimal = Field(gt=0)
    seats: int = Field(default=5, ge=1, le=500)
    tier: Tier = Tier.STANDARD
    since: date | None = None
    vip: bool = False
    tags: list[str] = []
    notes: str = Field(default="", max_length=2000)


@step
def greet(name: str) -> str:
    if "greet" in FAILURES:
        FAILURES.remove("greet")
        raise ValueError("the greeter is <out>")
    return f"Hello {name}"


@workflow(name="web-onboard")
async def onboard(ctx: Context, customer: Customer) -> str:
    """Greet a customer.

    Nobody is asked.
    """
    return await greet(customer.name)


@workflow(name="web-asks")
async def asks(ctx: Context, amount: Decimal) -> str:
    decision = await ctx.prompt("approve-it", type="review", title=f"Pay {amount}", assign="role:manager", timeout="2h")
    return decision.outcome


@workflow(name="web-listens")
async def listens(ctx: Context) -> str:
    return await ctx.wait_for_signal("word", type=str)
