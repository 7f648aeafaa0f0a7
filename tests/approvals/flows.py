"""Workflows that put questions to people, for the tests."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field, field_validator, model_validator

from approvals.models import Prompt
from flowapp import Batch, Context, Event, PromptExpired, workflow
from flowapp.engine import codec
from flowapp.tenancy.models import Member


@dataclass
class Expense:
    employee: str
    amount: Decimal


class Address(BaseModel):
    street: str
    zip: str = Field(pattern="^[0-9]{5}$")


class Bill(BaseModel):
    amount: int = Field(gt=0)


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


@workflow(name="asks-on-terms")
async def asks_on_terms(ctx: Context) -> str:
    """The first prompt is asked as OPTIONS says, and the second is the same at another place."""
    options: Any = {"type": "review", "assign": ["role:manager", "role:owner"]} | OPTIONS
    first = await ctx.prompt("first", **options)
    for _ in range(2):
        await ctx.prompt("again", type="review", assign="role:owner")
    return first.outcome


@workflow(name="asks-another")
async def asks_another(ctx: Context, quorum: int) -> str:
    """The second prompt wants somebody else than in whose places the first was answered."""
    asked = ["role:viewer", "role:owner"]
    first = await ctx.prompt("first", type="review", assign=asked, quorum=quorum)
    second = await ctx.prompt("second", type="review", assign=asked, different_from=[first])
    return str(second.by)


@workflow(name="asks-again")
async def asks_again(ctx: Context, expense: Expense) -> None:
    """The same question twice, at two places."""
    for _ in range(2):
        await ctx.prompt("review", type="review", data=expense, assign="role:manager")


@workflow(name="asks-beside")
async def asks_beside(ctx: Context, expense: Expense) -> str:
    """Asks, and meanwhile does what changes the question's row and answers it."""
    asked = ctx.prompt("review", type="review", data=expense, assign="role:manager")
    await ctx.sleep(0.001)  # so short that the run is held meanwhile, and the prompt is open after it
    await ctx.step("spoil", spoil_and_answer)
    return (await asked).outcome


def spoil_and_answer() -> None:
    """A step that behaves as somebody with the database's password, and then as Bo."""
    from tests.approvals.making import decide

    Prompt.objects.update(payload=codec.encode({"employee": "?", "amount": "1"}))
    decide(Prompt.objects.get(), Member.objects.get(user__email="bo@example.com"))


@workflow(name="asks-many-then-one")
async def asks_many_then_one(ctx: Context, expense: Expense) -> str:
    """Two people answer the first prompt; the second wants somebody else than both."""
    asked = ["role:manager", "role:owner", "role:viewer"]
    first = await ctx.prompt("first", type="review", data=expense, assign=asked, quorum=2)
    second = await ctx.prompt("second", type="review", data=expense, assign=asked, different_from=[first])
    return str(second.by)


FOUR_EYES: dict[str, Any] = {"type": "review", "assign": ["role:manager", "role:owner"]}


@workflow(name="wants-another", triggers=[Event("another/wanted")])
async def wants_another(ctx: Context) -> str:
    """Somebody else than whoever asked for it has to decide, however it was started."""
    decision = await ctx.prompt("review", four_eyes=True, **FOUR_EYES)
    return str(decision.by)


@workflow(name="wants-no-key", triggers=[Event("no-key/wanted")])
async def wants_no_key(ctx: Context) -> str:
    """The key that asked for it does not decide, even without four eyes."""
    decision = await ctx.prompt("review", **FOUR_EYES)
    return str(decision.by)


@workflow(name="collects-another", triggers=[Event("another/collected")], batch=Batch(2, "1h"))
async def collects_another(ctx: Context, wanted: list[Any]) -> str:
    """The same, for whoever sent one of the events of a batch."""
    decision = await ctx.prompt("review", four_eyes=True, **FOUR_EYES)
    return str(decision.by)


@workflow(name="passes-on")
async def passes_on(ctx: Context, way: str) -> None:
    """Has another run ask, in each of the ways there are."""
    await ctx.step("before", str)
    if way == "invoke":
        await ctx.invoke(wants_another)
    elif way == "start":
        await ctx.start(wants_another)
    elif way == "start in a step":
        await ctx.step("start", wants_another.start)
    elif way == "event":
        await ctx.send_event("another/wanted")
    elif way == "event of a batch":
        await ctx.send_event("another/collected", 1)
        await ctx.send_event("another/collected", 2)
    else:
        await ctx.start(wants_no_key)
