"""Who is who: a member's Slack account is found by their e-mail address, or linked as they asked (linking.py)."""

from __future__ import annotations

from typing import Final

from django.core.cache import cache
from django.db import IntegrityError, transaction
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from flowapp import audit
from flowapp.engine import clock
from flowapp.integrations.outbox import let_go
from flowapp.integrations.slack_tables import SlackUser
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Member

_UNKNOWN_LASTS: Final = 3600  # seconds; Slack allows few look-ups a minute


class TakenAccount(Exception):
    """This Slack account belongs to another member here; an admin can take it away from them first."""

    def __str__(self) -> str:
        return str(self.__doc__)


def account_of(member: Member, slack: WebClient) -> str | None:
    """The member's Slack id; None when Slack knows nobody with their address. Raises SlackApiError."""
    known = SlackUser.objects.filter(member=member).values_list("slack_id", flat=True).first()
    asked = _unknown(member)
    if known or cache.get(asked):
        return known
    let_go()
    try:
        found = str(slack.users_lookupByEmail(email=member.user.email)["user"]["id"])
    except SlackApiError as error:
        if error.response.get("error") != "users_not_found":
            raise
        cache.set(asked, True, _UNKNOWN_LASTS)
        return None
    row = SlackUser(
        workspace_id=member.workspace_id, member=member, slack_id=found, by_email=True, linked_at=clock.now()
    )
    SlackUser.objects.bulk_create([row], ignore_conflicts=True)
    # Somebody else may have linked that account to themselves; then it is not asked for this member.
    return SlackUser.objects.filter(member=member).values_list("slack_id", flat=True).first()


def member_of(slack_id: str) -> Member | None:
    """The active member behind a Slack account."""
    found = SlackUser.objects.filter(slack_id=slack_id, member__user__is_active=True).select_related("member__user")
    return next((one.member for one in found), None)


def belongs_to_another(slack_id: str, member: Member) -> bool:
    """Whether a Slack account is another member's."""
    return SlackUser.objects.filter(slack_id=slack_id).exclude(member=member).exists()


@transaction.atomic
def link(*, member: Member, slack_id: str, by: Actor) -> None:
    """Make a Slack account this member's, instead of the one they had. Raises TakenAccount."""
    if belongs_to_another(slack_id, member):
        raise TakenAccount
    said = {"slack_id": slack_id, "by_email": False, "linked_at": clock.now(), "workspace": member.workspace}
    try:
        with transaction.atomic():
            SlackUser.objects.update_or_create(member=member, defaults=said)
    except IntegrityError:  # somebody else was linked to it at the same moment
        raise TakenAccount from None
    cache.delete(_unknown(member))
    audit.record(by=by, verb="slack.linked", target=f"member:{member.pk}", after={"slack": slack_id})


@transaction.atomic
def unlink(*, member: Member, by: Actor) -> None:
    """Take a member's Slack account away from them."""
    gone, _ = SlackUser.objects.filter(member=member).delete()
    if gone:
        cache.delete(_unknown(member))
        audit.record(by=by, verb="slack.unlinked", target=f"member:{member.pk}")


def known_account(member: Member) -> SlackUser | None:
    """The member's Slack account, as far as it is known."""
    return SlackUser.objects.filter(member=member).first()


def _unknown(member: Member) -> str:
    return f"slack-unknown:{member.pk}"
