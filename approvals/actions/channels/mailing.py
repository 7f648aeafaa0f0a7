"""The mails: a question with its link, how one's own request ended, a mention, the day's digest."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from approvals import queries
from approvals.actions import eligibility
from approvals.actions.channels import links, question
from approvals.models import Decision, SignedLink
from approvals.policies.evidence import evidence
from approvals.policies.notices import Kind
from approvals.queries import PromptView
from approvals.states import PromptNotFound, PromptStatus
from flowapp.integrations import email, outbox
from flowapp.integrations.email import Mail
from flowapp.integrations.models import OutboxMessage
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.models import Member

_LEADS = {
    Kind.REMINDER: "Reminder: ",
    Kind.ESCALATION: "Escalated: ",
    Kind.DECIDED: "Your request: ",
    Kind.MENTION: "You were mentioned: ",
    Kind.STUCK: "May never be decided: ",
}

_OF_THE_END = frozenset({Kind.DECIDED, Kind.MENTION})
_MOST_LISTED = 100  # of each list in a digest


@outbox.sender("email")
def send(message: OutboxMessage) -> None:
    """Write the mail as things stand now, and send it; what is no longer asked is no longer mailed."""
    member = tenancy.members().filter(pk=message.payload["member"], user__is_active=True).first()
    if member is None:
        return
    mail = _digest(message, member) if message.payload["kind"] == "digest" else _about_prompt(message, member)
    if mail is not None:
        email.send(mail, id=message.pk)


def _about_prompt(message: OutboxMessage, member: Member) -> Mail | None:
    view = _view(message.payload["prompt"])
    kind = Kind(message.payload["kind"])
    if view is None:
        return None
    if "link" in message.payload:
        return _question(message, member, view, kind) if view.status == PromptStatus.PENDING else None
    if kind == Kind.STUCK:
        return _stuck(member, view) if question.stuck(view) else None
    context = _shown(view) | {"member": member, "ending": question.ending(view)}
    return _mail("ended", context, to=member, subject=f"{_LEADS[kind]}{view.title}", thread=str(view.id))


def _stuck(member: Member, view: PromptView) -> Mail:
    context = _shown(view) | {"member": member}
    return _mail("stuck", context, to=member, subject=f"{_LEADS[Kind.STUCK]}{view.title}", thread=str(view.id))


def _question(message: OutboxMessage, member: Member, view: PromptView, kind: Kind) -> Mail | None:
    link = SignedLink.objects.filter(pk=message.payload["link"], version=view.version).first()
    if link is None or link.serial != message.payload["serial"]:
        return None  # it is asked anew, or a newer mail is on its way
    context = _shown(view) | {
        "member": member,
        "link": links.address(link, link.serial),
        "link_until": question.moment(link.expires_at),
        "elsewhere": question.elsewhere(view),
        "reminder": kind == Kind.REMINDER,
    }
    return _mail("question", context, to=member, subject=f"{_LEADS.get(kind, '')}{view.title}", thread=str(view.id))


def _digest(message: OutboxMessage, member: Member) -> Mail | None:
    """What still waits, and how the rest ended: each prompt once, the oldest of very many."""
    ended: set[UUID] = set()
    asked: set[UUID] = set()
    warned: set[UUID] = set()
    for one in message.payload["news"]:
        kind = Kind(one["kind"])
        (ended if kind in _OF_THE_END else warned if kind == Kind.STUCK else asked).add(UUID(one["prompt"]))
    waiting, to_decide = queries.prompts_of(_theirs(asked, member), limit=_MOST_LISTED, status=PromptStatus.PENDING)
    over, decided = queries.prompts_of(ended, limit=_MOST_LISTED)
    pending, _ = queries.prompts_of(warned, limit=_MOST_LISTED, status=PromptStatus.PENDING)
    stuck = [view for view in pending if question.stuck(view)]
    if not waiting and not over and not stuck:
        return None
    context = {
        "member": member,
        "waiting": [_shown(view) for view in waiting],
        "waiting_more": to_decide - len(waiting),
        "over": [_shown(view) | {"ending": question.ending(view)} for view in over],
        "over_more": decided - len(over),
        "stuck": [_shown(view) for view in stuck],
        "inbox_url": f"{settings.FLOWAPP_BASE_URL}{reverse('inbox')}",
    }
    counted = (
        f"{to_decide:,} to decide"
        if waiting
        else f"{len(stuck):,} may never be decided"
        if stuck
        else f"{decided:,} decided"
    )
    return _mail("digest", context, to=member, subject=f"Your day in Flowapp: {counted}", thread="")


def _theirs(asked: set[UUID], member: Member) -> set[UUID]:
    """What still waits for them: they may decide it, and have not answered it yet."""
    theirs = eligibility.open_to(asked, by=tenancy.actor_for(member))
    answered = Decision.objects.filter(prompt__in=theirs, member=member, stage=F("prompt__stage"))
    return theirs.difference(answered.values_list("prompt_id", flat=True))


def _shown(view: PromptView) -> dict[str, Any]:
    return {
        "sentence": question.sentence(view),
        "workflow": view.workflow,
        "rows": question.payload(view),
        "message": view.message,
        "by_agent": view.requester is not None and view.requester.kind == "agent",
        "facts": question.facts(view) if view.status == PromptStatus.PENDING else [],
        "evidence": evidence(view.options),
        "files": question.files(view),
        "answers": [one["label"] for one in question.outcomes(view)],
        "url": question.address(view.id),
        "why_stuck": question.stuck(view),
    }


def _mail(name: str, context: dict[str, Any], *, to: Member, subject: str, thread: str) -> Mail:
    around = context | {"settings_url": f"{settings.FLOWAPP_BASE_URL}{reverse('notifications')}"}
    text, html = (render_to_string(f"approvals/mail/{name}.{part}", around) for part in ("txt", "html"))
    return Mail(to=to.user.email, subject=subject, text=text, html=html, thread=thread)


def _view(prompt_id: str) -> PromptView | None:
    try:
        return queries.prompt_detail(UUID(prompt_id))
    except PromptNotFound:
        return None
