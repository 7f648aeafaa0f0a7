"""The demo's workflows: an expense that people approve, a refund that is retried, an onboarding that sleeps."""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from flowapp import ESCALATE, Context, Decision, Fatal, Retry, step, workflow

type Money = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]
type Text = Annotated[str, Field(min_length=1, max_length=300)]

ALONE_BELOW = Decimal(100)
MANAGER_UP_TO = Decimal(1000)


class Expense(BaseModel):
    """What somebody spent and wants back."""

    employee: Text
    amount: Money
    purpose: Text


class Policy(BaseModel):
    """Who has to agree to an expense, and why."""

    manager: bool
    vice_president: bool
    reason: str


class Receipt(BaseModel):
    """The proof that an expense was approved."""

    number: str
    employee: str
    amount: Decimal
    purpose: str
    approved_by: list[str]


class Verdict(BaseModel):
    """How an expense ended."""

    status: Literal["approved", "denied"]
    reason: str
    receipt: Receipt | None = None


@step
def check_policy(expense: Expense) -> Policy:
    """Which approvals an amount needs."""
    if expense.amount < ALONE_BELOW:
        return Policy(manager=False, vice_president=False, reason=f"Below {ALONE_BELOW:,.2f}: approved by itself.")
    if expense.amount <= MANAGER_UP_TO:
        reason = f"From {ALONE_BELOW:,.2f} to {MANAGER_UP_TO:,.2f}: a manager approves."
        return Policy(manager=True, vice_president=False, reason=reason)
    reason = f"Above {MANAGER_UP_TO:,.2f}: a manager approves, then a vice-president."
    return Policy(manager=True, vice_president=True, reason=reason)


@step(retry=Retry(max_attempts=5, initial="1s"))
def issue_receipt(expense: Expense, approved_by: list[str]) -> Receipt:
    """The receipt; its number follows from the step's idempotency key, so that a repeated attempt gives the same."""
    number = hashlib.sha256(step.idempotency_key.encode()).hexdigest()[:8].upper()
    return Receipt(
        number=f"R-{number}",
        employee=expense.employee,
        amount=expense.amount,
        purpose=expense.purpose,
        approved_by=approved_by,
    )


@workflow(name="expense-approval", search={"employee": "input.employee", "amount": "input.amount"})
async def expense_approval(ctx: Context, expense: Expense) -> Verdict:
    """Approve an expense: small ones by themselves, larger ones by a manager, the largest by a vice-president too."""
    policy = await check_policy(expense)
    decisions: list[Decision[None]] = []
    if policy.manager:
        decisions.append(await ask(ctx, "manager-approval", "role:manager", expense, policy, decisions))
    if policy.vice_president and decisions[-1].outcome == "approve":
        decisions.append(await ask(ctx, "vp-approval", "group:vp", expense, policy, decisions))
    if decisions and decisions[-1].outcome == "deny":
        return Verdict(status="denied", reason=decisions[-1].reasoning or f"Denied by {decisions[-1].by}.")
    receipt = await issue_receipt(expense, [str(decision.by) for decision in decisions])
    reason = next((decision.reasoning for decision in reversed(decisions) if decision.reasoning), policy.reason)
    return Verdict(status="approved", reason=reason, receipt=receipt)


async def ask(
    ctx: Context, name: str, whom: str, expense: Expense, policy: Policy, before: list[Decision[None]]
) -> Decision[None]:
    """Have somebody who has not decided on this expense yet approve or deny it."""
    last = policy.vice_president == bool(before)
    return await ctx.prompt(
        name,
        type="review",
        title=f"Pay {expense.employee} {expense.amount:,.2f} for {expense.purpose}",
        message="\n".join([policy.reason, *(f"{one.by} approved. {one.reasoning}".strip() for one in before)]),
        data=expense,
        outcomes={
            "approve": {
                "label": f"Approve {expense.amount:,.2f}",
                "effect": "The receipt is issued." if last else "A vice-president is asked next.",
            },
            "deny": {"label": "Deny…", "effect": "The run ends as denied, with your reason."},
        },
        assign=whom,
        risk="medium" if policy.vice_president else "low",
        timeout="48h",
        on_timeout=ESCALATE,
        different_from=before,
    )


class Refund(BaseModel):
    """Money that goes back to a customer."""

    order: Text
    customer: Text
    amount: Money
    why: Text


class Settlement(BaseModel):
    """What finance settles for: as asked, or as they change it."""

    amount: Money
    letter: Annotated[str, Field(min_length=1, max_length=2000, title="Letter to the customer")]


class Payout(BaseModel):
    """How a refund ended."""

    status: Literal["refunded", "refused"]
    reference: str = ""
    letter: str = ""
    reason: str = ""


LETTER = """Dear {name},

we are sorry about your order {order} and return your money within three days."""


@step(retry=Retry(max_attempts=4, initial="200ms", jitter=False))
async def find_payment(refund: Refund) -> str:
    """The payment of an order. The demo's payment provider never answers at first, to show a retry."""
    if step.attempt == 1:
        raise ConnectionError("the payment provider did not answer")
    if refund.order.startswith("LOST-"):
        raise Fatal(f"the payment provider knows no order {refund.order}")
    return f"pay_{refund.order.lower()}"


@step(at_most_once=True)
async def send_money(payment: str, amount: Decimal) -> str:
    """Pay back. Whether money moved must never be guessed, so a cut-off attempt asks a person."""
    return f"re_{payment}_{amount}"


@workflow(name="refund", search={"order": "input.order"})
async def refund(ctx: Context, asked: Refund) -> Payout:
    """Pay a customer back after somebody in finance agreed."""
    payment = await find_payment(asked)
    decision = await ctx.prompt(
        "refund-review",
        type="edit",
        title=f"Refund {asked.customer} for order {asked.order} ({asked.amount:,.2f} asked)",
        message=asked.why,
        data=Settlement(amount=asked.amount, letter=LETTER.format(name=asked.customer, order=asked.order)),
        outcomes={
            "approve": {"label": "Refund", "effect": "The money and the letter are sent at once."},
            "deny": {"label": "Refuse…", "effect": "Nothing is paid."},
        },
        evidence=[f"Payment {payment}"],
        assign="group:finance",
        timeout="24h",
        on_timeout=ESCALATE,
    )
    if decision.outcome == "deny":
        return Payout(status="refused", reason=decision.reasoning)
    settled = decision.data
    return Payout(status="refunded", reference=await send_money(payment, settled.amount), letter=settled.letter)


class Customer(BaseModel):
    """Somebody who just signed up."""

    name: Text
    email: Text


class Kickoff(BaseModel):
    """The first meeting, as the signal `kickoff-booked` carries it."""

    at: datetime


class Onboarding(BaseModel):
    """How far a customer came."""

    account: str
    kickoff: datetime | None
    mails: int


@step
def create_account(customer: Customer) -> str:
    """The customer's account."""
    return customer.name.lower().replace(" ", "-")


async def send_mail(account: str, template: str) -> str:
    """Send one of the onboarding mails (the demo only says so)."""
    return f"sent {template} to {account}"


@workflow(name="onboard-customer")
async def onboard_customer(ctx: Context, customer: Customer) -> Onboarding:
    """Welcome a customer, wait up to two weeks for the kick-off to be booked, look in again three days later."""
    account = await create_account(customer)
    await ctx.step("welcome", send_mail, account, "welcome")
    kickoff: Kickoff | None = await ctx.wait_for_signal("kickoff-booked", type=Kickoff, timeout="14d", default=None)
    if kickoff is None:
        await ctx.step("remind", send_mail, account, "book-your-kickoff")
        return Onboarding(account=account, kickoff=None, mails=2)
    await ctx.sleep("3d")
    await ctx.step("look in", send_mail, account, "how-is-it-going")
    return Onboarding(account=account, kickoff=kickoff.at, mails=2)
