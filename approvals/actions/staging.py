"""From one stage to the next: others are asked, the times begin anew, and what was read before is out of date."""

from __future__ import annotations

from approvals.actions import opening, reminders, shortage
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Prompt
from approvals.policies import assignment, ordering
from approvals.states import PromptStatus, StaleVersion
from flowapp import audit
from flowapp.engine import clock, signals, timers
from flowapp.tenancy.actors import Actor

_CHANGED = (
    *("stage", "version", "level", "opened_at", "asked_at", "updated_at", "due_at", "pooled", *ordering.KEYS),
    *("claimed_by", "claimed_until", "options"),
)


def advance(prompt: Prompt, *, by: Actor, channel: str) -> None:
    """Put a settled prompt to its next stage. The run and the prompt are locked by the caller."""
    read = prompt.version
    prompt.stage, prompt.version, prompt.level = prompt.stage + 1, read + 1, 0
    prompt.opened_at = prompt.asked_at = prompt.updated_at = clock.now()
    prompt.claimed_by = prompt.claimed_until = None
    lines = [assignment.parse(line.assign) for line in prompt.stage_at().beside]
    asked = tuple(dict.fromkeys(spec for line in lines for spec in line))
    prompt.pooled = opening.is_pooled(asked)
    prompt.options = {**prompt.options, "warnings": shortage.warnings(prompt)}
    opening.put_in_line(prompt)
    still = Prompt.objects.filter(pk=prompt.pk, status=PromptStatus.PENDING, version=read)
    if not still.update(**{name: getattr(prompt, name) for name in _CHANGED}):
        raise StaleVersion(read)
    # Who was asked before has it among what is done once the prompt has ended.
    Assignment.objects.filter(prompt=prompt, active=True).update(active=False)
    Assignment.objects.bulk_create(opening.assignments(prompt, lines))
    if prompt.due_at:
        timers.schedule(opening.TIMER, str(prompt.pk), prompt.due_at, {})
    reminders.begin_anew(prompt)
    audit.record(
        by=by,
        verb="prompt.stage-opened",
        target=f"prompt:{prompt.pk}",
        before={"stage": prompt.stage - 1},
        after={"stage": prompt.stage, "version": prompt.version, "assign": [str(spec) for spec in asked]},
        channel=channel,
    )
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
    tell(prompt, News.ASKED)
