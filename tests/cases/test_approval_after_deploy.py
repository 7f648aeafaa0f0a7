"""An approval given after a deploy resumes the run in the new code."""

from approvals import actions
from approvals.models import Prompt
from flowapp import Context, workflow
from flowapp.tenancy.models import Role
from tests import factories
from tests.cases import effects
from tests.cases.engines import Engine, ended


@workflow(name="approval-after-deploy")
async def original(ctx: Context) -> str:
    await ctx.step("prepare", effects.effect, "prepared")
    decision = await ctx.prompt("ok", type="review", title="OK?", assign="role:owner")
    return decision.outcome


async def changed(ctx: Context) -> str:
    await ctx.step("prepare", effects.effect, "prepared")
    decision = await ctx.prompt("ok", type="review", title="OK?", assign="role:owner")
    return await ctx.step("announce", effects.effect, f"{decision.outcome} by {decision.by}")


def test_the_new_code_goes_on(engine: Engine):
    ana = factories.member("Ana", Role.OWNER)
    run = original.start()
    engine.settle()
    engine.deploy(original, changed)
    prompt = Prompt.objects.get()
    actions.decide(prompt.pk, by=factories.actor(ana), outcome="approve", channel="web")
    engine.settle()
    assert ended(run) == ("completed", "approve by ana@example.com")
    assert effects.done == ["prepared", "approve by ana@example.com"]
