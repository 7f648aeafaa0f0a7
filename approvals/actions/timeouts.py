"""What happens to a prompt that nobody decides: it escalates, level by level, then expires."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from approvals.actions import announcing, lines, opening, reaching, shortage
from approvals.actions.closing import close, digests, outcome_of
from approvals.actions.locking import still_pending
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Decision, Prompt
from approvals.policies import assignment, ordering
from approvals.policies.assignment import Spec
from approvals.policies.escalation import Turn, chain_of, plan_of
from approvals.states import ESCALATE, PromptStatus
from flowapp import audit
from flowapp.engine import clock, runs, signals, timers
from flowapp.engine.timers import DueTimer
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import SYSTEM

CHANNEL = "timeout"


@timers.on_timer(opening.TIMER)
def on_due(timer: DueTimer) -> None:
    """Escalate or expire the prompt, in the sweeper's transaction; when it was decided meanwhile, do nothing."""
    prompt = still_pending(UUID(timer.key))
    if prompt is not None:
        _take_turn(prompt, clock.now())


def _take_turn(prompt: Prompt, now: datetime) -> None:
    turn = plan_of(prompt).next(level=prompt.level, since=prompt.asked_at)
    if turn is None:
        return
    due_at, what = turn
    if due_at > now:
        timers.schedule(opening.TIMER, str(prompt.pk), due_at, {})
    elif what == Turn.ESCALATE:
        _escalate(prompt, now)
    else:
        _expire(prompt, now)


def _escalate(prompt: Prompt, now: datetime) -> None:
    """Ask the next level as well. Those asked before may still decide; what is asked stays the same."""
    asked = _next_level(prompt)
    prompt.level += 1
    prompt.asked_at = prompt.updated_at = now
    opening.put_in_line(prompt)
    prompt.pooled = prompt.pooled and opening.is_pooled(asked)
    prompt.save(update_fields=["level", "asked_at", "updated_at", "due_at", "pooled", *ordering.KEYS])
    added = [row for number in lines.still_open(prompt) for row in opening.on_line(prompt, number, asked)]
    Assignment.objects.bulk_create(added, ignore_conflicts=True)
    Assignment.objects.filter(prompt=prompt, active=True).update(**opening.ordered_as(prompt))
    shortage.look_again(prompt)
    prompt.save(update_fields=["options"])
    if prompt.due_at:
        timers.schedule(opening.TIMER, str(prompt.pk), prompt.due_at, {})
    audit.record(
        by=SYSTEM,
        verb="prompt.escalated",
        target=f"prompt:{prompt.pk}",
        after={"level": prompt.level, "assign": [str(spec) for spec in asked]},
        channel=CHANNEL,
    )
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
    tell(prompt, News.ESCALATED)


def _next_level(prompt: Prompt) -> Sequence[Spec]:
    chain = chain_of(prompt)
    if prompt.level < len(chain):
        return reaching.somebody(prompt, assignment.parse(chain[prompt.level][1]), "Escalation")
    return _managers(prompt) or reaching.administrators()


def _managers(prompt: Prompt) -> list[Spec]:
    """The managers of those asked, as far as they are not asked already."""
    asked = [str(found) for found in Assignment.objects.filter(prompt=prompt, active=True) if found.kind != "agent"]
    members = set(tenancy.members_matching(*asked).values_list("pk", flat=True))
    managers = tenancy.managers_of(members).filter(user__is_active=True).exclude(pk__in=members)
    return [Spec("user", manager.user.email) for manager in managers]


def _expire(prompt: Prompt, now: datetime) -> None:
    """End the prompt as expired. With an outcome for that the run goes on with it, otherwise it gets PromptExpired."""
    if not close(prompt, PromptStatus.EXPIRED, now):
        return
    outcome = prompt.on_timeout if prompt.on_timeout != ESCALATE else ""
    if outcome:
        decision = Decision.objects.create(
            prompt=prompt,
            outcome=outcome,
            at=now,
            channel=CHANNEL,
            timed_out=True,
            stage=prompt.stage,
            version=prompt.version,
            **digests(prompt, outcome=outcome),
        )
    audit.record(
        by=SYSTEM,
        verb="prompt.expired",
        target=f"prompt:{prompt.pk}",
        before={"status": PromptStatus.PENDING},
        after={"status": prompt.status, "outcome": outcome or None},
        channel=CHANNEL,
    )
    runs.resolve_wait(prompt.run_id, prompt.step_key, outcome_of(decision) if outcome else {"expired": True})
    announcing.ended(prompt)
