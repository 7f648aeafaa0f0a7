"""Workflows that the engine's tests run."""

from dataclasses import dataclass
from decimal import Decimal

from flowapp import Context, Retry, WaitTimeout, step, workflow

CALLS: list[str] = []


@dataclass
class Order:
    id: str
    total: Decimal


@step
async def reserve(order: Order) -> Order:
    CALLS.append(f"reserve {order.id} {step.idempotency_key.rpartition(':')[2]} {step.attempt}")
    return Order(order.id, order.total + 1)


@step
def charge(order: Order) -> str:
    CALLS.append(f"charge {order.id}")
    return f"receipt {order.total}"


@workflow(name="two-steps")
async def two_steps(ctx: Context, order: Order) -> str:
    reserved = await reserve(order)
    assert isinstance(reserved.total, Decimal)
    return await ctx.step("charge it", charge, reserved)


@workflow(name="sleeper")
async def sleeper(ctx: Context) -> str:
    before = ctx.now()
    await ctx.sleep("1h")
    return str(ctx.now() > before)


@workflow(name="listener")
async def listener(ctx: Context) -> list[int]:
    got = [await ctx.wait_for_signal("number", type=int) for _ in range(3)]
    try:
        await ctx.wait_for_signal("number", timeout="10m")
    except WaitTimeout:
        got.append(-1)
    return got


FAIL_TIMES = 0


@step(retry=Retry(max_attempts=3, initial="10s", jitter=False))
async def flaky() -> str:
    global FAIL_TIMES
    if FAIL_TIMES > 0:
        FAIL_TIMES -= 1
        raise ValueError(f"attempt {step.attempt}")
    return f"attempt {step.attempt}"


@workflow(name="retrier")
async def retrier(ctx: Context) -> str:
    try:
        return await flaky()
    except ValueError as error:
        return f"gave up: {error}"


@step(atomic=True)
def rename(slug: str, name: str) -> str:
    from flowapp.tenancy.models import Workspace

    CALLS.append("rename")
    Workspace.objects.filter(slug=slug).update(name=name)
    if name == "bad":
        raise ValueError("bad name")
    return name


@workflow(name="renamer")
async def renamer(ctx: Context, name: str) -> str:
    return await rename("acme", name)
