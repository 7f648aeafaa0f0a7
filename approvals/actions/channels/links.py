"""Signed links: one person, one prompt as it was asked, one use, 24 hours (SECURITY 10). GET only shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from approvals.actions import deciding
from approvals.actions.filling import NO_VERSION, Answer
from approvals.models import Decision, Prompt, SignedLink
from approvals.states import PromptNotFound, Refused, StaleVersion
from flowapp import audit
from flowapp.engine import clock
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.models import Member

LASTS: Final = timedelta(hours=24)
CHANNEL: Final = "email"
_SALT: Final = "flowapp.approvals.link"


class LinkOver(Refused):
    """This link is no longer good: it was used, is older than 24 hours, or was replaced. Sign in instead."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a link's address says, its signature being ours."""

    workspace_id: UUID
    link_id: UUID
    serial: int


def issue(prompt: Prompt, member: Member) -> SignedLink:
    """A fresh link for this person to this prompt as it is asked now; their older ones are no longer good."""
    until = clock.now() + LASTS
    link, new = SignedLink.objects.get_or_create(
        prompt=prompt,
        member=member,
        version=prompt.version,
        defaults={"payload_digest": prompt.payload_digest, "expires_at": until},
    )
    if not new:
        link.serial, link.expires_at = link.serial + 1, until
        link.save(update_fields=["serial", "expires_at"])
    return link


def issued_to(prompt: Prompt) -> set[UUID]:
    """The members who were sent this question as it is asked now."""
    return set(SignedLink.objects.filter(prompt=prompt, version=prompt.version).values_list("member_id", flat=True))


def address(link: SignedLink, serial: int) -> str:
    """The address that a mail carries."""
    token = signing.dumps([link.workspace_id.hex, link.pk.hex, serial], salt=_SALT)
    return f"{settings.FLOWAPP_BASE_URL}{reverse('decide-by-link', args=[token])}"


def read(token: str) -> Token:
    """What a token says. Raises PromptNotFound when it is not ours."""
    try:
        workspace, link, serial = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise PromptNotFound("This link is not complete. Copy it whole from the mail, or sign in.") from None
    return Token(UUID(workspace), UUID(link), serial)


def find(token: Token) -> SignedLink:
    """The link, with its person, in the token's workspace, which is in scope. Raises PromptNotFound."""
    found = SignedLink.objects.filter(pk=token.link_id).select_related("member__user").first()
    if found is None:
        raise PromptNotFound
    return found


def over(link: SignedLink, token: Token) -> LinkOver | None:
    """Why this link can no longer be used, if it cannot."""
    if link.used_at is not None:
        return LinkOver("This link was used already; it works once.")
    if link.serial != token.serial:
        return LinkOver("A newer mail replaced this link. Use that one, or sign in.")
    if link.expires_at <= clock.now():
        return LinkOver("This link is older than 24 hours. Sign in to answer.")
    return None


def decide(token: Token, answer: Answer) -> Decision:
    """Decide by a link, as its person, the question that they were sent. The same again gets the same answer.

    Raises LinkOver, or what deciding raises; a refused attempt uses nothing up.
    """
    outcome = answer.outcome
    with transaction.atomic():
        known = SignedLink.objects.select_related("prompt", "member__user").select_for_update(of=("self",))
        link = known.filter(pk=token.link_id).first()
        if link is None:
            raise PromptNotFound
        if link.used_outcome == outcome and (standing := _standing(link, answer)):
            return standing
        refused: Refused | None = over(link, token)
        if refused is not None:
            _note(link, refused, outcome)
        else:
            try:
                return _use(link, answer)
            except Refused as error:  # raised below: what noted it must not be rolled back
                refused = error
    raise refused


def _use(link: SignedLink, answer: Answer) -> Decision:
    if link.payload_digest != link.prompt.payload_digest:
        raise StaleVersion(link.prompt.version)
    decision = deciding.decide(
        link.prompt_id,
        by=tenancy.actor_for(link.member),
        outcome=answer.outcome,
        reasoning=answer.reasoning,
        data=answer.data,
        version=NO_VERSION if answer.errors else link.version,
        channel=CHANNEL,
    )
    link.used_at, link.used_outcome = clock.now(), answer.outcome
    link.save(update_fields=["used_at", "used_outcome"])
    return decision


def _note(link: SignedLink, refused: Refused, outcome: str) -> None:
    """A late attempt is in the log like any other."""
    audit.record(
        by=tenancy.actor_for(link.member),
        verb="prompt.decision-refused",
        target=f"prompt:{link.prompt_id}",
        after={"outcome": outcome[:64], "refused": type(refused).__name__},
        reason=str(refused),
        channel=CHANNEL,
    )


def _standing(link: SignedLink, answer: Answer) -> Decision | None:
    """What its person answered through it, unless this is another answer: of a form, what was filled in counts too."""
    own = Decision.objects.filter(prompt_id=link.prompt_id, member_id=link.member_id, outcome=link.used_outcome)
    standing = own.order_by("-at").first()
    same = standing is not None and (answer.data is None or answer.data == standing.data)
    return standing if same else None
