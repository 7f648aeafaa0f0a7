"""Reminders: as long as nobody decides, those asked are told again, each time the prompt's `remind` has passed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Model

from approvals.actions import shortage
from approvals.actions.locking import still_pending
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Prompt
from approvals.policies.escalation import passed, working_time
from flowapp import audit
from flowapp.engine import clock, signals, timers
from flowapp.engine.timers import DueTimer
from flowapp.tenancy.actors import SYSTEM

TIMER = "prompt.remind"


def timer(prompt: Prompt) -> list[Model]:
    """The unsaved timer of the first reminder, when the prompt wants any."""
    every = _every(prompt)
    if every is None:
        return []
    due_at = passed(prompt.opened_at, every, working_time(prompt))
    return [timers.timer(TIMER, str(prompt.pk), due_at, {}, workspace_id=prompt.workspace_id)]


def begin_anew(prompt: Prompt) -> None:
    """Count from now, for a prompt that others are asked now."""
    every = _every(prompt)
    if every is not None:
        due_at = passed(clock.now(), every, working_time(prompt))
        timers.schedule(TIMER, str(prompt.pk), due_at, {})


@timers.on_timer(TIMER)
def on_due(timer: DueTimer) -> None:
    """Remind those asked, in the sweeper's transaction; when the prompt has ended meanwhile, do nothing."""
    prompt = still_pending(UUID(timer.key))
    if prompt is not None:
        _remind(prompt)


def _remind(prompt: Prompt) -> None:
    prompt.updated_at = clock.now()
    shortage.look_again(prompt)  # people come and go
    prompt.save(update_fields=["updated_at", "options"])
    asked = Assignment.objects.filter(prompt=prompt, active=True).order_by("level", "kind", "value")
    audit.record(
        by=SYSTEM,
        verb="prompt.reminded",
        target=f"prompt:{prompt.pk}",
        after={"assign": [str(one) for one in asked]},
        channel="timer",
    )
    begin_anew(prompt)
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
    tell(prompt, News.REMINDED)


def _every(prompt: Prompt) -> timedelta | None:
    seconds = prompt.options.get("remind")
    return timedelta(seconds=seconds) if seconds else None
