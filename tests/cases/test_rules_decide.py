"""A prompt that a rule decides holds nobody up: the run goes on, and replays to the same decision."""

from decimal import Decimal

from approvals import actions
from approvals.actions import Draft
from approvals.models import Decision, Prompt
from flowapp import Context, workflow
from flowapp.engine import clock
from flowapp.tenancy.models import Role
from tests import factories
from tests.cases import effects
from tests.cases.engines import Engine, ended


@workflow(name="ruled")
async def ruled(ctx: Context, amount: Decimal) -> str:
    first = await ctx.prompt("small", type="review", data={"amount": amount}, assign="role:owner")
    await ctx.step("pay", effects.effect, f"{first.outcome} by {first.by}")
    second = await ctx.prompt("high", type="review", data={"amount": amount}, assign="role:owner", risk="high")
    return f"{first.by}, {second.outcome} by {second.by}"


def test_the_run_goes_on_and_asks_people_where_it_must(engine: Engine):
    ana = factories.member("Ana", Role.OWNER)
    rule = Draft("data.amount < 100", "approve", workflow="ruled")
    policy = actions.create_policy(name="Small", draft=rule, by=factories.actor(ana))
    run = ruled.start(Decimal("99.50"))
    engine.settle()
    assert effects.done == ["approve by Small v1"]
    assert [(one.name, one.status) for one in Prompt.objects.order_by("created_at")] == [
        ("small", "decided"),
        ("high", "pending"),
    ]
    # What was decided stays decided, whatever the rule says now and however often the run replays.
    actions.save_version(policy.pk, draft=Draft("true", "deny"), by=factories.actor(ana))
    engine.settle()
    actions.decide(
        Prompt.objects.get(status="pending").pk,
        by=factories.actor(ana),
        outcome="approve",
        channel="web",
        second_factor_at=clock.now(),
    )
    engine.settle()
    assert ended(run) == ("completed", "Small v1, approve by ana@example.com")
    assert effects.done == ["approve by Small v1"]
    assert Decision.objects.filter(rule__isnull=False).count() == 1
