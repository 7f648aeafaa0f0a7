"""The workflows under measurement. Their steps do nothing: what is measured is the cost of durability."""

import time
from typing import Any

from flowapp import Context, Event, step, workflow


@step
async def number(value: int) -> int:
    return value


@step
async def moment() -> float:
    """When this step began: all processes of a machine read the same monotonic clock."""
    return time.monotonic()


@workflow(name="bench-flow")
async def flow(ctx: Context, steps: int) -> int:
    total = 0
    for value in range(steps):
        total += await number(value)
    return total


@workflow(name="bench-signalled")
async def signalled(ctx: Context, steps: int) -> float:
    """So many steps, a wait, and one more step, which says when it began."""
    for value in range(steps):
        await number(value)
    await ctx.wait_for_signal("go")
    return await moment()


@workflow(name="bench-decided")
async def decided(ctx: Context, order: dict[str, Any]) -> float:
    """A person's decision, and one more step, which says when it began."""
    assign = order.get("assign", "role:owner")
    await ctx.prompt("review", type="review", title=order.get("title", ""), data=order, assign=assign)
    return await moment()


@workflow(name="bench-triggered", triggers=[Event("bench/happened", when="event.data.size > 1")])
async def triggered(ctx: Context, event: dict[str, Any]) -> float:
    """An event starts it; its first step says when it began."""
    return await moment()
