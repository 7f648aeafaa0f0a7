"""Cancel is idempotent, does nothing to what has ended, blocks later checkpoints, and reaches children and prompts."""

from approvals.models import Prompt
from flowapp import Context, step, workflow
from flowapp.engine.models import Checkpoint, Run, Wait
from flowapp.tenancy.models import Role
from tests import factories
from tests.cases import effects
from tests.cases.engines import Engine, ended


@workflow(name="cancelled-child")
async def child(ctx: Context) -> str:
    return await ctx.wait_for_signal("never")


@workflow(name="cancelled-parent")
async def parent(ctx: Context) -> str:
    won = await ctx.first(child=ctx.invoke(child), ask=ctx.prompt("ok", title="OK?", assign="role:owner"))
    return won.name


def test_children_and_prompts_follow(engine: Engine):
    factories.member("Ana", Role.OWNER)
    run = parent.start()
    engine.settle()
    run.cancel("not wanted")
    run.cancel()
    engine.settle()
    assert {row.status for row in Run.objects.all()} == {"cancelled"}
    assert [prompt.status for prompt in Prompt.objects.all()] == ["cancelled"]
    assert not Wait.objects.exists()


@workflow(name="ends-by-itself")
async def quick(ctx: Context) -> str:
    return "done"


def test_an_ended_run_stays_as_it_is(engine: Engine):
    run = quick.start()
    engine.settle()
    run.cancel()
    assert ended(run) == ("completed", "done")


@step
def slow() -> str:
    effects.done.append("entered")
    effects.enter("slow")
    return "late"


@workflow(name="cancelled-in-a-step")
async def working(ctx: Context) -> str:
    return await slow()


def test_a_step_under_way_writes_nothing_more(engine: Engine):
    with effects.closed("slow"):
        run = working.start()
        engine.until(lambda: effects.done)
        run.cancel()
    engine.settle()
    quick.start()
    engine.settle()
    assert run.status == "cancelled"
    assert not Checkpoint.objects.filter(run_id=run.id).exists()
