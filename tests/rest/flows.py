"""Workflows that the REST tests start."""

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from flowapp import Batch, Context, FlowControl, step, workflow
from flowapp.engine.triggers import Cron, Event

FAILURES: list[str] = []  # steps that are to fail, once for each mention


class Expense(BaseModel):
    employee: str
    amount: Decimal
    purpose: str


class Shipping(BaseModel):
    street: str
    zip: str = Field(pattern="^[0-9]{5}$")


@step
def book(amount: Decimal) -> dict[str, Any]:
    if "book" in FAILURES:
        FAILURES.remove("book")
        raise ValueError("the ledger is closed")
    return {"booked": amount}


@workflow(name="rest-plain")
async def plain(ctx: Context, expense: Expense) -> dict[str, Any]:
    """Books an expense.

    Nobody is asked.
    """
    return await book(expense.amount)


@workflow(name="rest-asks")
async def asks(ctx: Context, expense: Expense) -> str:
    decision = await ctx.prompt(
        "manager-approval",
        type="review",
        title=f"Approve {expense.amount}",
        data=expense,
        assign=["role:manager", "user:dev@example.com"],
        timeout="48h",
    )
    return f"{decision.outcome} by {decision.by}: {decision.reasoning}"


@workflow(name="rest-form")
async def form(ctx: Context) -> str:
    decision = await ctx.prompt("where", type="form", title="Where to?", form=Shipping, assign="role:manager")
    return decision.data.zip


@workflow(name="rest-listens")
async def listens(ctx: Context) -> list[Any]:
    return [await ctx.wait_for_signal("word", type=str) for _ in range(2)]


@workflow(name="rest-counts")
async def counts(ctx: Context, upto: int) -> float:
    for number in range(upto):
        await ctx.step("count", float, number)
    return float("nan")


@workflow(
    name="rest-triggered",
    triggers=[Event("rest/paid", when="event.data.total > 10"), Cron("0 9 * * 1", tz="Europe/Berlin")],
)
async def triggered(ctx: Context, payment: Any) -> Any:
    return payment["total"]


@workflow(name="rest-awaits-its-number")
async def awaits_number(ctx: Context, order: dict[str, int]) -> None:
    await ctx.wait_for_event("rest/paid", match="event.data.total == input.total")


@workflow(name="rest-awaits")
async def awaits(ctx: Context) -> Any:
    return (await ctx.wait_for_event("rest/paid"))["data"]


@workflow(name="rest-quorum")
async def quorum(ctx: Context) -> str:
    decision = await ctx.prompt(
        "twice",
        type="review",
        stages=[{"assign": ["role:manager", "role:owner"], "quorum": 2}, {"assign": "group:finance"}],
    )
    return decision.outcome


@workflow(name="rest-risky")
async def risky(ctx: Context) -> str:
    decision = await ctx.prompt("wipe", type="confirm", step_up=True, assign="role:manager")
    return decision.outcome


@workflow(name="rest-limited", triggers=[Event("rest/limited")], control=FlowControl(rate="1/min"))
async def limited(ctx: Context, number: int) -> int:
    return number


@workflow(
    name="rest-held",
    control=FlowControl(concurrency=2, key="input", throttle=timedelta(seconds=90), priority="int(input)"),
)
async def held(ctx: Context, number: str) -> str:
    return number


@workflow(name="rest-single", control=FlowControl(singleton="skip"))
async def single(ctx: Context) -> Any:
    return await ctx.wait_for_signal("go")


@workflow(name="rest-collects", triggers=[Event("rest/collected*")], batch=Batch(2, "5s"))
async def collects(ctx: Context, numbers: list[int]) -> int:
    return sum(numbers)


RECEIPT = "Taxi, 46.20"


@workflow(name="rest-attaches")
async def attaches(ctx: Context) -> str:
    files = [{"name": "receipt.txt", "content": RECEIPT, "content_type": "text/plain"}]
    return (await ctx.prompt("look", type="review", attachments=files, assign="role:manager")).outcome


@workflow(name="rest-logs")
async def logs(ctx: Context) -> None:
    ctx.log.info("began")
    await ctx.step("look", lambda: logging.getLogger("rest.flows").info("looking"))
    await ctx.wait_for_signal("go")
    ctx.log.info("over")


@workflow(name="rest-informs")
async def informs(ctx: Context, amount: int) -> int:
    decision = await ctx.prompt(
        "refund",
        type="edit",
        data={"amount": amount},
        outcomes={"approve": {"label": "Refund", "effect": "It is paid."}, "deny": {"needs_reason": True}},
        assign="role:manager",
        four_eyes=True,
        evidence=["Seen twice", {"label": "Ticket", "url": "https://example.com/7"}],
        confidence=0.4,
        reversible=False,
        timeout="8h",
        escalate=[("2h", "role:owner")],
        on_timeout="deny",
    )
    return int(decision.data["amount"])
