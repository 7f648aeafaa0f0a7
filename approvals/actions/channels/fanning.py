"""From one piece of news to each of those it is for: into their mailbox, their Slack or their digest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import transaction

from approvals.actions import eligibility, reaching
from approvals.actions.channels import links, preferences, showing
from approvals.actions.telling import CHANNEL, News
from approvals.models import Assignment, Decision, Prompt
from approvals.policies.notices import EMAIL, SLACK, Kind, When, Wishes
from approvals.states import PromptStatus
from flowapp.engine import clock
from flowapp.integrations import email, outbox, slack
from flowapp.integrations.models import OutboxMessage
from flowapp.tenancy import absences
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.models import Member

_ASKING: Final = {News.ASKED: None, News.REMINDED: Kind.REMINDER, News.ESCALATED: Kind.ESCALATION}
_ON_HELP: Final = frozenset({News.STUCK, News.EASED, News.ENDED})  # after these, who was asked to help reads it anew
_AGAIN: Final = frozenset({Kind.REMINDER})  # news that somebody may get more than once about the same question
_MENTION: Final = re.compile(r"@([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")


@dataclass(slots=True)
class _Round:
    """One piece of news on its way to people; `slack` collects whose Slack shows or is to show the prompt.

    `out` collects what is queued of it, in the end.
    """

    prompt: Prompt
    stamp: str
    only: Sequence[str] = ()  # the members for whom it is news; none: whoever is asked
    slack: dict[UUID, Kind | None] = field(default_factory=dict)
    out: list[OutboxMessage] = field(default_factory=list)


@outbox.sender(CHANNEL)
def fan_out(message: OutboxMessage) -> None:
    """Queue what each of them gets. Repeated, it queues nothing twice."""
    prompt = Prompt.objects.filter(pk=message.payload["prompt"]).first()
    if prompt is None:
        return
    news, round_ = News(message.payload["news"]), _Round(prompt, message.pk.hex, message.payload.get("only", ()))
    with transaction.atomic():
        if news != News.EASED:
            round_.slack = dict.fromkeys(slack.messages.shown_to(prompt.pk))
        if news in _ASKING and prompt.status == PromptStatus.PENDING:
            _ask(round_, news)
        if news == News.ENDED:
            _tell_of_the_end(round_)
        if news == News.STUCK and prompt.status == PromptStatus.PENDING:
            _tell_who_can_help(round_)
        if news in _ON_HELP:
            for member_id in slack.messages.shown_to(showing.stuck_of(prompt.pk)):
                _queue(round_, SLACK, member_id, Kind.STUCK, about=showing.STUCK)
        for member_id, kind in round_.slack.items():
            _queue(round_, SLACK, member_id, kind)
        outbox.put_all(round_.out)


def _ask(round_: _Round, news: News) -> None:
    asked = _asked(round_.prompt, _ASKING[news])
    wishes = preferences.of_all([member.pk for member in asked])
    answered, sent = _have_answered(round_.prompt), links.issued_to(round_.prompt)
    judge = eligibility.judge(round_.prompt)
    for member, kind in asked.items():
        if round_.only and str(member.pk) not in round_.only:
            continue
        if member.pk in answered or not judge.may_count(member):
            continue
        if slack.is_connected() and wishes[member.pk].when(kind, SLACK) == When.NOW:
            round_.slack[member.pk] = kind
        if kind in _AGAIN or member.pk not in sent:
            _mail(round_, member, kind, wishes[member.pk], asks=True)


def _asked(prompt: Prompt, kind: Kind | None) -> Mapping[Member, Kind]:
    """Whom the prompt is put to now and who stands in for them, each once, and as what this is news to them."""
    found: dict[Member, Kind] = {}
    rows = Assignment.objects.filter(prompt=prompt, active=True).exclude(kind="agent").order_by("level", "kind")
    for row in sorted(rows, key=lambda row: row.kind != "user"):
        by_name = Kind.ASKED if row.kind == "user" else Kind.GROUP
        as_what = kind if kind == Kind.REMINDER or (kind and row.level == prompt.level) else by_name
        for member in tenancy.members_matching(str(row)):
            found.setdefault(member, as_what)
    for member in absences.reached_through([member.pk for member in found], clock.now()):
        found.setdefault(member, kind or Kind.ASKED)
    return found


def _have_answered(prompt: Prompt) -> set[UUID]:
    given = Decision.objects.filter(prompt=prompt, stage=prompt.stage, member__isnull=False)
    return set(given.values_list("member_id", flat=True))


def _tell_of_the_end(round_: _Round) -> None:
    """Tell who asked for it how it ended, and whoever the reason mentions."""
    prompt = round_.prompt
    ended_by = Decision.objects.filter(prompt=prompt, final=True).first()
    told: dict[Member, Kind] = {}
    if ended_by:
        addresses = [address.lower() for address in _MENTION.findall(ended_by.reasoning)[:20]]
        told = dict.fromkeys(tenancy.members().filter(user__email__in=addresses, user__is_active=True), Kind.MENTION)
    requester = (prompt.requester or {}).get("member_id")
    if requester and prompt.status != PromptStatus.CANCELLED:
        told |= dict.fromkeys(tenancy.members().filter(pk=requester, user__is_active=True), Kind.DECIDED)
    wishes = preferences.of_all([member.pk for member in told])
    for member, kind in told.items():
        if ended_by is not None and ended_by.member_id == member.pk:
            continue  # they know
        _mail(round_, member, kind, wishes[member.pk], asks=False)
        if slack.is_connected() and wishes[member.pk].when(kind, SLACK) == When.NOW:
            _queue(round_, SLACK, member.pk, kind, about="end")


def _tell_who_can_help(round_: _Round) -> None:
    """Tell those who can put it to others that nobody can decide it as it is."""
    who = list(tenancy.members_matching(*map(str, reaching.administrators())))
    wishes = preferences.of_all([member.pk for member in who])
    for member in who:
        _mail(round_, member, Kind.STUCK, wishes[member.pk], asks=False)
        if slack.is_connected() and wishes[member.pk].when(Kind.STUCK, SLACK) == When.NOW:
            _queue(round_, SLACK, member.pk, Kind.STUCK, about=showing.STUCK)


def _mail(round_: _Round, member: Member, kind: Kind, wishes: Wishes, *, asks: bool) -> None:
    when = wishes.when(kind, EMAIL) if email.in_use() else When.NEVER
    if when == When.DAILY:
        preferences.keep_for_digest(member, round_.prompt, kind, wishes, clock.now())
    elif when == When.NOW and not outbox.is_queued(EMAIL, _key(round_, member.pk, "prompt")):
        link = links.issue(round_.prompt, member) if asks else None
        extra = {"link": str(link.pk), "serial": link.serial} if link else {}
        _queue(round_, EMAIL, member.pk, kind, **extra)


def _queue(round_: _Round, channel: str, member_id: UUID, kind: Kind | None, **more: object) -> None:
    about = more.get("about", "prompt")
    payload = {"prompt": str(round_.prompt.pk), "member": str(member_id), "kind": kind, "about": about, **more}
    round_.out.append(outbox.message(channel, _key(round_, member_id, about), payload))


def _key(round_: _Round, member_id: UUID, about: object) -> str:
    return f"{round_.prompt.pk}:{member_id}:{about}:{round_.stamp}"
