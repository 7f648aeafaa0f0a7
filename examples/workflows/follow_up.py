"""After a sign-up: wait up to 30 days for the first order, and ask sales to call when none comes."""

from typing import Literal

from pydantic import BaseModel

from flowapp import Context, Event, step, workflow


class SignUp(BaseModel):
    """Somebody new."""

    customer: str
    email: str


class FollowUp(BaseModel):
    """What became of them."""

    status: Literal["ordered", "called", "left alone"]
    order: str = ""


@step
def send_mail(email: str, template: str) -> None:
    """Send one of the follow-up's mails (the example only says so)."""


@workflow(name="follow-up", triggers=[Event("shop/signed-up")])
async def follow_up(ctx: Context, new: SignUp) -> FollowUp:
    """Welcome, wait a month for an order of theirs, and let a person decide what to do about silence."""
    await send_mail(new.email, "welcome")
    first = await ctx.wait_for_event(
        "shop/order-placed", match="event.data.customer == input.customer", timeout="30d", default=None
    )
    if first is not None:
        await send_mail(new.email, "thanks-for-your-first-order")
        return FollowUp(status="ordered", order=first["data"]["id"])
    decision = await ctx.prompt(
        "call",
        type="confirm",
        title=f"Call {new.email}: signed up a month ago, has ordered nothing",
        assign="role:manager",
        timeout="7d",
        on_timeout="no",
    )
    return FollowUp(status="called" if decision.outcome == "yes" else "left alone")
