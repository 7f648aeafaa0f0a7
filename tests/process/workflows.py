"""A small workflow around a signal, beside the demo's expense, which asks people."""

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
