"""From one stage to the next: others are asked, the times begin anew, and what was read before is out of date."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.actions import opening, reaching, reminders, shortage
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Prompt
from approvals.policies import assignment, ordering
from approvals.policies.assignment import Spec
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
    lines = _people(prompt)
    asked = tuple(dict.fromkeys(spec for line in lines for spec in line))
    prompt.pooled = opening.is_pooled(asked)
    shortage.look_again(prompt)
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


def _people(prompt: Prompt) -> list[Sequence[Spec]]:
    """Whom each line of the stage that begins asks; one that would ask nobody is put to others, and says so."""
    stage, what = prompt.stage_at(), f"Stage {prompt.stage}"
    found = [reaching.somebody(prompt, assignment.parse(line.assign), what) for line in stage.beside]
    entries = [[str(spec) for spec in asked] for asked in found]
    if [list(line.assign) for line in stage.beside] != entries:
        stages = list(prompt.options["stages"])
        stages[prompt.stage - 1] = stage.asking(entries).as_json()
        prompt.options = {**prompt.options, "stages": stages}
    return found
