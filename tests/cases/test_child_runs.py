"""A child's output and failure arrive typed; it starts once; a child that nobody awaits goes on by itself."""

from decimal import Decimal

import pytest

from flowapp import ChildFailed, Context, step, workflow
from flowapp.engine.errors import InvalidInput
from flowapp.engine.models import Run
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def halve(amount: Decimal) -> Decimal:
    effects.effect(f"halve {amount}")
    if not amount:
        raise ZeroDivisionError("nothing to halve")
    return amount / 2


@workflow(name="typed-child")
async def child(ctx: Context, amount: Decimal) -> Decimal:
    return await halve(amount)


@workflow(name="typed-parent")
async def parent(ctx: Context, amount: Decimal) -> list[str]:
    try:
        half = await ctx.invoke(child, amount)
    except ChildFailed as error:
        return [error.type, error.message, error.status]
    return [type(half).__name__, str(half)]


@pytest.mark.parametrize(
    ("amount", "output"),
    [("3.00", ["Decimal", "1.50"]), ("0", ["ZeroDivisionError", "nothing to halve", "failed"])],
)
def test_the_end_arrives_typed(engine: Engine, amount: str, output: list[str]):
    run = parent.start(Decimal(amount))
    engine.settle()
    assert ended(run) == ("completed", output)


def test_it_starts_once(engine: Engine):
    with engine.crash_before("typed-child") as crash:  # the parent dies as it takes the child's end
        run = parent.start(Decimal(4))
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", ["Decimal", "2"])
    assert Run.objects.filter(workflow="typed-child").count() == 1
    assert len(effects.done) == 1


@workflow(name="cancelled-child-parent")
async def patient(ctx: Context) -> str:
    try:
        await ctx.invoke(waiting)
    except ChildFailed as error:
        return error.status
    return "?"


@workflow(name="waiting-child")
async def waiting(ctx: Context) -> None:
    await ctx.wait_for_signal("never")


def test_a_cancelled_child_is_told(engine: Engine):
    from flowapp.engine.handle import Run as Handle

    run = patient.start()
    engine.settle()
    Handle(Run.objects.get(workflow="waiting-child").pk).cancel()
    engine.settle()
    assert ended(run) == ("completed", "cancelled")


@workflow(name="impatient-parent")
async def impatient(ctx: Context) -> str:
    return (await ctx.first(child=ctx.invoke(waiting), late=ctx.sleep("1h"))).name


def test_a_child_nobody_awaits_any_more_is_cancelled(engine: Engine):
    run = impatient.start()
    engine.settle()
    engine.shift("61m")
    engine.sweep()
    assert ended(run) == ("completed", "late")
    assert Run.objects.get(workflow="waiting-child").status == "cancelled"


@workflow(name="starter")
async def starter(ctx: Context) -> str:
    handle = await ctx.start(child, Decimal(8))
    return str(handle.id)


def test_a_started_run_is_on_its_own(engine: Engine):
    run = starter.start()
    engine.settle()
    other = Run.objects.get(workflow="typed-child")
    assert (ended(run), other.status, other.parent_id) == (("completed", str(other.pk)), "completed", None)


@workflow(name="wrong-parent")
async def wrong(ctx: Context) -> str:
    try:
        await ctx.invoke(child, "much")  # type: ignore[misc]
    except InvalidInput as error:
        return str(error.errors[0]["msg"])
    return "?"


def test_a_wrong_input_is_refused_in_the_parent(engine: Engine):
    run = wrong.start()
    engine.settle()
    assert ended(run)[0] == "completed"
    assert "decimal" in run.output
