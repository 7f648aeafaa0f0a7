"""What members want to be told: reading it, changing it, and what waits for their digest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction

from approvals.models import Notice, NotificationSettings, Prompt
from approvals.policies.notices import Kind, Wishes
from approvals.states import InvalidDecision
from flowapp import audit
from flowapp.engine import clock, timers
from flowapp.engine.timers import DueTimer
from flowapp.integrations import outbox
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Member

TIMER: Final = "notify.digest"


def of(member_id: UUID) -> Wishes:
    """What this member wants."""
    return of_all([member_id])[member_id]


def of_all(member_ids: Collection[UUID]) -> dict[UUID, Wishes]:
    """What each of these members wants: what they chose, over the defaults."""
    rows = NotificationSettings.objects.filter(member_id__in=member_ids)
    chosen = {row.member_id: Wishes(row.choices, row.digest_hour, row.zone) for row in rows}
    return {member_id: chosen.get(member_id, Wishes({})) for member_id in member_ids}


@transaction.atomic
def choose(
    *, member: Member, choices: Mapping[str, Mapping[str, str]], digest_hour: int, zone: str, by: Actor
) -> Wishes:
    """Set what a member is told. Raises InvalidDecision naming the field."""
    if not 0 <= digest_hour <= 23:
        raise InvalidDecision([{"field": "digest_hour", "msg": "choose an hour from 0 to 23"}])
    if zone not in available_timezones():
        raise InvalidDecision([{"field": "zone", "msg": f"{zone!r} is no time zone; choose one such as Europe/Berlin"}])
    after: dict[str, Any] = {"choices": dict(choices), "digest_hour": digest_hour, "zone": zone}
    NotificationSettings.objects.update_or_create(member=member, defaults={**after, "workspace": member.workspace})
    audit.record(by=by, verb="notifications.chosen", target=f"member:{member.pk}", after=after)
    wishes = Wishes(choices, digest_hour, zone)
    if Notice.objects.filter(member=member).exists():
        timers.schedule(TIMER, str(member.pk), wishes.next_digest(clock.now()), {})
    return wishes


def keep_for_digest(member: Member, prompt: Prompt, kind: Kind, wishes: Wishes, now: datetime) -> None:
    """Put news into the member's next digest."""
    row = Notice(workspace_id=prompt.workspace_id, member=member, prompt=prompt, kind=kind, at=now)
    Notice.objects.bulk_create([row], ignore_conflicts=True)
    due_at = wishes.next_digest(now)
    timers.set_once(timers.timer(TIMER, str(member.pk), due_at, {}, workspace_id=prompt.workspace_id))


@timers.on_timer(TIMER)
def send_digest(timer: DueTimer) -> None:
    """Make one mail of what has come together, in the sweeper's transaction."""
    waiting = list(Notice.objects.filter(member_id=UUID(timer.key)).order_by("at", "id"))
    if waiting:
        news = [{"kind": notice.kind, "prompt": str(notice.prompt_id)} for notice in waiting]
        key = f"digest:{timer.key}:{timer.due_at.isoformat()}"
        outbox.put("email", key, {"member": timer.key, "kind": "digest", "news": news})
        # These and no others: what comes in meanwhile is for the next digest.
        Notice.objects.filter(pk__in=[notice.pk for notice in waiting]).delete()
