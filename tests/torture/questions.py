"""The workflow of the deciders' phase: it asks eight managers, and says what it was told."""

from flowapp import Context, workflow

ASKED = 8


@workflow(name="asks-eight")
async def asks_eight(ctx: Context, seconds: float) -> str:
    """With `seconds` it waits no longer than that, and then goes on as if denied, in nobody's name."""
    timeout = {"timeout": f"{int(seconds * 1000)}ms", "on_timeout": "deny"} if seconds else {}
    decision = await ctx.prompt("review", type="review", data={"n": 1}, assign="role:manager", **timeout)  # type: ignore[call-overload]
    return f"{decision.outcome} by {decision.by or 'nobody'}"
