"""Workflows that put questions to people, for the tests."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from flowapp import Context, PromptExpired, workflow


@dataclass
class Expense:
    employee: str
    amount: Decimal


class Address(BaseModel):
    street: str
    zip: str = Field(pattern="^[0-9]{5}$")


OPTIONS: dict[str, Any] = {}


@workflow(name="asks")
async def asks(ctx: Context, expense: Expense) -> dict[str, Any]:
    """Asks with whatever OPTIONS says, and returns all of the decision."""
    try:
        options: Any = {"type": "review", "data": expense, "assign": "user:bo@example.com"} | OPTIONS
        decision = await ctx.prompt("review", **options)
    except PromptExpired as expired:
        return {"expired": str(expired)}
    return {
        "outcome": decision.outcome,
        "reasoning": decision.reasoning,
        "data": decision.data,
        "type": type(decision.data).__name__,
        "by": str(decision.by) if decision.by else None,
        "channel": decision.channel,
        "timed_out": decision.timed_out,
    }


@workflow(name="gives-up")
async def gives_up(ctx: Context) -> str:
    """Waits for people only as long as it likes."""
    try:
        async with asyncio.timeout(3600):
            await ctx.prompt("review", type="review", assign="role:manager")
    except TimeoutError:
        return "gave up"
    return "decided"


@workflow(name="asks-twice")
async def asks_twice(ctx: Context, expense: Expense) -> str:
    """The second prompt wants another person than the first."""
    first = await ctx.prompt("first", type="review", data=expense, assign="role:manager")
    second = await ctx.prompt(
        "second", type="review", data=expense, assign=["role:manager", "role:owner"], different_from=[first]
    )
    return f"{first.by} then {second.by}"
