"""When somebody goes away, whoever stands in for them is told of what waits already; later prompts tell them anyway."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from approvals.actions.telling import News, tell
from approvals.models import Assignment, Prompt
from approvals.states import PromptStatus
from flowapp.engine import clock, timers
from flowapp.engine.timers import DueTimer
from flowapp.tenancy import absences
from flowapp.tenancy import queries as tenancy

TIMER: Final = "absence.begins"
AT_ONCE: Final = 200  # prompts: what is more is told of by the timer's next turn


def note(sender: object, *, verb: str, target: str, after: Any, **_: Any) -> None:
    """Tenancy's voice: when an absence was set, come back as it begins."""
    if verb == "absence.set":
        begins = max(datetime.fromisoformat(after["from"]), clock.now())
        timers.schedule(TIMER, f"{target}:{begins:%Y%m%d%H%M%S%f}", begins, {"member": target.partition(":")[2]})


@timers.on_timer(TIMER)
def on_begun(timer: DueTimer) -> None:
    """Queue the news, in the sweeper's transaction; when the absence was taken back meanwhile, nobody is told."""
    member_id = UUID(timer.data["member"])
    told = [str(member.pk) for member in absences.reached_through([member_id], clock.now())]
    if not told:
        return
    mine = Assignment.objects.filter(target__in=tenancy.specs_of(member_id), active=True)
    open_ = Prompt.objects.filter(pk__in=mine.values("prompt"), status=PromptStatus.PENDING).order_by("pk")
    if after := timer.data.get("after"):
        open_ = open_.filter(pk__gt=UUID(after))
    found = list(open_.defer("payload", "message")[: AT_ONCE + 1])
    for prompt in found[:AT_ONCE]:
        tell(prompt, News.ASKED, only=told)
    if len(found) > AT_ONCE:
        timers.schedule(TIMER, timer.key, clock.now(), {**timer.data, "after": str(found[AT_ONCE - 1].pk)})
