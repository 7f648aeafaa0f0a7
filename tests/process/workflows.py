"""A small workflow around a signal, beside the demo's expense, which asks people; and a map over many items."""

from flowapp import Context, step, workflow


@step
def reserve(order: str) -> str:
    """Take the goods off the shelf."""
    return f"reserved {order}"


@step
async def ship(order: str, paid: int) -> str:
    """Send them."""
    return f"shipped {order} for {paid}"


@workflow(name="order")
async def order(ctx: Context, id: str) -> str:
    """Ship an order once its payment was signalled."""
    await reserve(id)
    paid: int = await ctx.wait_for_signal("paid", type=int)
    return await ship(id, paid)


async def square(number: int) -> int:
    """One item."""
    return number * number


@workflow(name="squares")
async def squares(ctx: Context, count: int) -> int:
    """Square many numbers, each on whichever worker of the queue has room."""
    found: list[int] = await ctx.map("square", square, range(count), queue="default")
    return sum(found)
