"""Workflows that put questions to people, for the tests."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field, field_validator, model_validator

from flowapp import Context, PromptExpired, workflow


@dataclass
class Expense:
    employee: str
    amount: Decimal


class Address(BaseModel):
    street: str
    zip: str = Field(pattern="^[0-9]{5}$")


class Trip(BaseModel):
    """Rules that no JSON Schema can say."""

    start: int
    end: int
    place: str

    @field_validator("place")
    @classmethod
    def _somewhere(cls, place: str) -> str:
        if place == "nowhere":
            raise ValueError("nobody goes nowhere")
        return place

    @model_validator(mode="after")
    def _in_order(self) -> "Trip":
        if self.end < self.start:
            raise ValueError("it ends before it starts")
        return self


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


@workflow(name="asks-many-then-one")
async def asks_many_then_one(ctx: Context, expense: Expense) -> str:
    """Two people answer the first prompt; the second wants somebody else than both."""
    asked = ["role:manager", "role:owner", "role:viewer"]
    first = await ctx.prompt("first", type="review", data=expense, assign=asked, quorum=2)
    second = await ctx.prompt("second", type="review", data=expense, assign=asked, different_from=[first])
    return str(second.by)
