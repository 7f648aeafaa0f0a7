"""When a role, group, absence, agent or key changes, what is put to those whom it concerns is looked at again.

Nothing tells of a person's account that is switched off: reminders, escalations and votes find that out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from approvals.actions import shortage
from approvals.actions.locking import still_pending
from approvals.models import Assignment, Prompt
from approvals.states import PromptStatus
from flowapp.engine import clock, signals, timers
from flowapp.engine.timers import DueTimer
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.models import ApiKey, Group
from flowapp.tenancy.scope import current

TIMER: Final = "prompt.recheck"
ONE: Final = "prompt.recheck-one"  # each in a transaction of its own: its run is locked first
AT_ONCE: Final = 200  # prompts: the timer's next turn takes more


def note(sender: object, *, verb: str, target: str, before: Any = None, after: Any = None, **_: Any) -> None:
    """Tenancy's voice: who may answer has changed, so come back to what is put to them."""
    if verb == "absence.set":
        away = sorted(tenancy.specs_of(UUID(target.partition(":")[2])))
        for moment in ("from", "until"):
            at = max(datetime.fromisoformat(after[moment]), clock.now())
            _schedule(away, at, f"{moment}:{at:%Y%m%d%H%M%S%f}")  # somebody may be away several times
    targets = _targets(verb, target, before or {}, after or {})
    if targets and _asked(targets):
        _schedule(targets, clock.now())
    if verb == "api-key.issued" and targets:
        expires_at = ApiKey.objects.values_list("expires_at", flat=True).get(pk=UUID(target.partition(":")[2]))
        if expires_at is not None:
            _schedule(targets, expires_at, target)


def _schedule(targets: Sequence[str], at: datetime, why: str = "now") -> None:
    whose = hashlib.sha256("\n".join(targets).encode()).hexdigest()[:32]  # names may be longer than a key
    timers.schedule(TIMER, f"{why}:{whose}", at, {"targets": list(targets)})


@timers.on_timer(TIMER)
def on_due(timer: DueTimer) -> None:
    """Have each prompt that is put to these looked at, in the sweeper's transaction."""
    mine = _asked(timer.data["targets"])
    open_ = Prompt.objects.filter(pk__in=mine.values("prompt"), status=PromptStatus.PENDING).order_by("pk")
    if after := timer.data.get("after"):
        open_ = open_.filter(pk__gt=UUID(after))
    found = list(open_.values_list("pk", flat=True)[: AT_ONCE + 1])
    now = clock.now()
    timers.set_once(*(timers.timer(ONE, str(pk), now, {}, workspace_id=current()) for pk in found[:AT_ONCE]))
    if len(found) > AT_ONCE:
        timers.schedule(TIMER, timer.key, now, {**timer.data, "after": str(found[AT_ONCE - 1])})


@timers.on_timer(ONE)
def on_one(timer: DueTimer) -> None:
    """Look at one prompt again; when it has ended meanwhile, do nothing."""
    prompt = still_pending(UUID(timer.key))
    if prompt is not None and shortage.look_again(prompt):
        prompt.updated_at = clock.now()
        prompt.save(update_fields=["updated_at", "options"])
        signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))


def _asked(targets: Sequence[str]) -> Any:
    return Assignment.objects.filter(target__in=targets, active=True)


def _targets(verb: str, target: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The assign entries, as they are matched, of those who may answer from now on, or may not any more."""
    match verb:
        case "agent.stopped":
            return [f"agent:{before['name']}"]
        case "api-key.issued" | "api-key.revoked":
            key = ApiKey.objects.select_related("agent").get(pk=UUID(target.partition(":")[2]))
            return [f"agent:{key.agent.name}"] if key.agent else []
        case "member.added" | "member.role-changed":
            roles = {f"role:{one['role']}" for one in (before, after) if one}
            return sorted(roles | {f"user:{after['user']}"})
        case "absence.ended":
            return sorted(tenancy.specs_of(UUID(target.partition(":")[2])))
        case "group.member-added" | "group.member-removed":
            name = Group.objects.values_list("name", flat=True).get(pk=UUID(target.partition(":")[2]))
            return [f"group:{name.lower()}"]
    return []
