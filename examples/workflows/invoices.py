"""Thousands of invoices: each is read once, a person settles the ambiguous ones, and everything is added up."""

import asyncio
import re
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from flowapp import Context, Retry, step, workflow

AMOUNT = re.compile(r"\d+\.\d\d")


class Stack(BaseModel):
    """How many invoices lie there (the example makes them up)."""

    count: Annotated[int, Field(ge=1, le=100_000)]


class Invoice(BaseModel):
    """What was read from an invoice: every amount that may be its total."""

    number: str
    amounts: list[Decimal]


class Settlement(BaseModel):
    """What a person says an invoice's total is."""

    total: Annotated[Decimal, Field(gt=0, decimal_places=2)]


class Summary(BaseModel):
    """All of them together."""

    invoices: int
    settled_by_people: int
    total: Decimal


def text_of(number: int) -> str:
    """The invoice as it came in. Every 500th names two amounts."""
    amount = Decimal(number % 1000) + Decimal("0.50")
    discount = f" or {amount - Decimal('0.25')} if paid at once" if number % 500 == 0 else ""
    return f"Invoice INV-{number:05d}. To pay: {amount} EUR{discount}."


@step(retry=Retry(max_attempts=3, initial="200ms"))
def extract(number: int) -> Invoice:
    """Read one invoice. Reading every 97th fails at first, as the best of readers sometimes does."""
    if number % 97 == 0 and step.attempt == 1:
        raise TimeoutError("the reader did not answer")
    return Invoice(number=f"INV-{number:05d}", amounts=[Decimal(text) for text in AMOUNT.findall(text_of(number))])


@workflow(name="process-invoices")
async def process_invoices(ctx: Context, stack: Stack) -> Summary:
    """Read them on every worker of the queue `invoices`, have the ambiguous settled, add up."""
    invoices = await ctx.map("extract", extract, range(1, stack.count + 1), limit=200, queue="invoices")
    clear = [invoice.amounts[0] for invoice in invoices if len(invoice.amounts) == 1]
    ambiguous = [invoice for invoice in invoices if len(invoice.amounts) != 1]
    settled = await asyncio.gather(*(settle(ctx, invoice) for invoice in ambiguous))
    return Summary(invoices=len(invoices), settled_by_people=len(settled), total=sum(clear, Decimal(0)) + sum(settled))


async def settle(ctx: Context, invoice: Invoice) -> Decimal:
    """Ask finance what an invoice's total is."""
    decision = await ctx.prompt(
        f"total-of-{invoice.number}",
        type="form",
        title=f"What is the total of {invoice.number}?",
        data=invoice,
        form=Settlement,
        assign="group:finance",
        timeout="7d",
    )
    return decision.data.total
