"""Falsy, null, nested, decimal, datetime, model and enum results come back as the types annotated, also on replay."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from flowapp import Context, step, workflow
from tests.cases.engines import Engine, ended


class Tier(Enum):
    GOLD = "gold"


class Line(BaseModel):
    sku: str
    price: Decimal


@dataclass
class Order:
    lines: list[Line]
    tier: Tier
    at: datetime
    by_day: dict[date, Line | None] = field(default_factory=dict)


WHOLE = Order(
    [Line(sku="a", price=Decimal("1.10"))],
    Tier.GOLD,
    datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    {date(2026, 1, 1): Line(sku="b", price=Decimal("2.00")), date(2026, 1, 2): None},
)


@step
async def order() -> Order:
    return WHOLE


@step
def decimal() -> Decimal:
    return Decimal("0.10")


@step
async def tier() -> Tier | None:
    return Tier.GOLD


@step
async def nothing() -> Order | None:
    return None


@step
async def zero() -> int:
    return 0


@step
async def empty() -> list[Order]:
    return []


@step
async def pair() -> tuple[UUID, set[int]]:
    return UUID(int=7), {1, 2}


@step
async def soon() -> timedelta:
    return timedelta(days=1, microseconds=1)


@step
async def plain() -> Any:
    return {"nested": [None, False, 0, "", {"deep": [1.5]}]}


@workflow(name="typed-results")
async def typed(ctx: Context) -> bool:
    async def values() -> list[Any]:
        return [
            await order(), await decimal(), await tier(), await nothing(), await zero(), await empty(), await pair(),
            await soon(), await plain(),
        ]  # fmt: skip

    first = await values()
    await ctx.sleep("1h")
    return first == [
        WHOLE, Decimal("0.10"), Tier.GOLD, None, 0, [], (UUID(int=7), {1, 2}), timedelta(days=1, microseconds=1),
        {"nested": [None, False, 0, "", {"deep": [1.5]}]},
    ] and isinstance(first[0].lines[0], Line) and isinstance(first[1], Decimal)  # fmt: skip


def test_they_are_what_they_were(engine: Engine):
    run = typed.start()
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("completed", True)


@step
async def wrong() -> int:
    return "seven"  # type: ignore[return-value]


@workflow(name="wrong-result")
async def mistaken(ctx: Context) -> int:
    return await wrong()


def test_a_result_that_does_not_fit_its_annotation_fails_the_step(engine: Engine):
    run = mistaken.start()
    engine.settle()
    assert ended(run) == ("failed", "BadResult")
    assert run.error["step"] == "wrong"
