"""Prompts for the tests: opened by real runs of real workflows, as users open them."""

from decimal import Decimal
from typing import Any

from approvals import actions
from approvals.models import Decision, Prompt
from flowapp.engine.handle import Run
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.models import Member
from tests import factories
from tests.approvals import flows

EXPENSE = flows.Expense("Ana Ruiz", Decimal("600.00"))


def ask(by: Actor = SYSTEM, **options: Any) -> tuple[Run, Prompt]:
    """A run of `asks` with these options of ctx.prompt, and the prompt it waits for."""
    from flowapp.engine import runs

    flows.OPTIONS.clear()
    flows.OPTIONS.update(options)
    run = runs.start("asks", EXPENSE, by=by)
    return run, pending(run)


def pending(run: Run) -> Prompt:
    """The prompt that a run waits for."""
    return Prompt.objects.get(run_id=run.id, status="pending")


def decide(prompt: Prompt, who: Member | Actor, outcome: str = "approve", **more: Any) -> Decision:
    by = factories.actor(who) if isinstance(who, Member) else who
    return actions.decide(prompt.pk, by=by, outcome=outcome, channel=more.pop("channel", "web"), **more)
