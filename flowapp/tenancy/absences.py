"""Who is away, and who stands in for them meanwhile: keeping it, and reading it. The workspace in scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from . import queries
from .actors import Actor
from .errors import NotAllowed, NotHere, Unfit
from .models import Absence, Member, Role, Workspace
from .scope import current
from .signals import tell
from .standing_in import Span, loop, way_to

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)  # beyond, not every zone has a day
ARRANGERS = frozenset({Role.OWNER, Role.ADMIN, Role.MANAGER})  # who may say it for others, such as the sick


@dataclass(frozen=True, slots=True)
class StoodInFor:
    """Somebody who is away, and everything that means them: their own address, role and groups."""

    member_id: UUID
    email: str
    name: str
    specs: frozenset[str]


@transaction.atomic
def set_absence(
    *, member: Member, starts_at: datetime, ends_at: datetime, substitute: Member, by: Actor, now: datetime
) -> Absence:
    """A member is away for a while, and somebody stands in.

    Raises Unfit when the times are wrong, meet another absence of theirs, would lead back to themselves, or to `by`.
    """
    _allow(member, by)
    # One at a time: two that are saved at once could close a loop that neither sees. Rows that refer to it do not wait.
    Workspace.objects.select_for_update(no_key=True).get(pk=current())
    span = Span(member.pk, substitute.pk, starts_at, ends_at)
    if errors := _errors(span, now) or _chain_errors(span, now, by):
        raise Unfit(errors)
    absence = Absence.objects.create(member=member, substitute=substitute, starts_at=starts_at, ends_at=ends_at)
    tell(by=by, verb="absence.set", target=f"member:{member.pk}", after=_shown(absence))
    return absence


@transaction.atomic
def end_absence(absence_id: UUID, *, by: Actor, now: datetime) -> None:
    """End an absence now, or take back one that has not begun. Raises NotHere."""
    absence = _whole().select_for_update(of=("self",)).filter(pk=absence_id).first()
    if absence is None:
        raise NotHere("There is no such absence here.")
    _allow(absence.member, by)
    before = _shown(absence)
    if absence.starts_at >= now:
        absence.delete()
    elif absence.ends_at > now:
        absence.ends_at = now
        absence.save(update_fields=["ends_at"])
    tell(by=by, verb="absence.ended", target=f"member:{absence.member_id}", before=before)


def current_and_coming(now: datetime, *, after: tuple[datetime, UUID] | None = None, limit: int = 200) -> list[Absence]:
    """Who is or will be away, soonest first; those behind the beginning and id in `after`."""
    rows = _whole().filter(ends_at__gt=now)
    if after is not None:
        begin, last_id = after
        rows = rows.filter(Q(starts_at__gt=begin) | Q(starts_at=begin, pk__gt=last_id))
    return list(rows.order_by("starts_at", "pk")[:limit])


def standing_in_for(member_id: UUID, now: datetime) -> list[StoodInFor]:
    """The members for whom this one answers now: those away who named them, and those these were to stand in for."""
    found: dict[UUID, tuple[str, str]] = {}
    asked: set[UUID] = {member_id}
    while asked:
        away = _at(now).filter(substitute__in=asked).exclude(member__in=[member_id, *found])
        rows = away.values_list("member", "member__user__email", "member__user__name")
        people = {pk: (email, name or email) for pk, email, name in rows}
        found |= people
        asked = set(people)
    return [StoodInFor(pk, email, name, frozenset(queries.specs_of(pk))) for pk, (email, name) in found.items()]


def away_among(emails: Iterable[str], now: datetime) -> list[Absence]:
    """Which of these people are away now."""
    wanted = list(emails)
    return list(_at(now).filter(member__user__email__in=wanted).order_by("ends_at")) if wanted else []


def reached_through(members: Iterable[UUID], now: datetime) -> QuerySet[Member]:
    """Who stands in now for any of these members, also through others who are away themselves."""
    asked = set(members)
    found: set[UUID] = set()
    while asked:
        found |= (asked := set(_at(now).filter(member__in=asked).values_list("substitute_id", flat=True)) - found)
    return queries.members().filter(pk__in=found, user__is_active=True)


def _at(now: datetime) -> QuerySet[Absence]:
    return _whole().filter(starts_at__lte=now, ends_at__gt=now)


def _whole() -> QuerySet[Absence]:
    return Absence.objects.select_related("member__user", "substitute__user")


def _allow(member: Member, by: Actor) -> None:
    """A substitute decides in a member's place, so a key that may not decide may not name one either."""
    if not queries.may_answer(by):
        raise NotAllowed("This API key may not say who stands in: it was not granted approvals:decide.")
    if by.member_id == member.pk:
        return
    arranges = by.member_id is not None and Member.objects.filter(pk=by.member_id, role__in=ARRANGERS).exists()
    if not arranges:
        raise NotAllowed("You may say when you are away yourself; for others a manager, admin or owner may.")


def _errors(span: Span, now: datetime) -> list[dict[str, object]]:
    errors: list[dict[str, object]] = []
    if span.end <= span.start:
        errors.append({"loc": ["until"], "msg": "this is before it begins"})
    elif span.end <= now:
        errors.append({"loc": ["until"], "msg": "this has passed already"})
    for name, at in (("from", span.start), ("until", span.end)):
        if not FIRST <= at < LAST:
            errors.append({"loc": [name], "msg": "choose a time from 1970 to 2999"})
    if span.substitute == span.member:
        errors.append({"loc": ["substitute"], "msg": "somebody else has to stand in"})
    if not Member.objects.filter(pk=span.substitute, user__is_active=True).exists():
        errors.append({"loc": ["substitute"], "msg": "there is no such member here"})
    if errors:
        return errors
    met = Absence.objects.filter(member=span.member, starts_at__lt=span.end, ends_at__gt=span.start).first()
    if met is not None:
        told = f"{met.starts_at:%d %b %Y} to {met.ends_at:%d %b %Y}"
        errors.append({"loc": ["from"], "msg": f"an absence from {told} is kept already; end that first"})
    return errors


def _chain_errors(span: Span, now: datetime, by: Actor) -> list[dict[str, object]]:
    kept = Absence.objects.filter(Q(ends_at__gt=now), starts_at__lt=span.end, ends_at__gt=span.start)
    known = [Span(*row) for row in kept.values_list("member_id", "substitute_id", "starts_at", "ends_at")]
    if around := loop(span, known):
        names = {one.pk: str(one) for one in Member.objects.select_related("user").filter(pk__in=around)}
        told = " → ".join(names[pk] for pk in around)
        return [{"loc": ["substitute"], "msg": f"nobody would be left to answer: {told}; choose somebody who is here"}]
    # Who arranges it for others must not get to decide what was put to them.
    if by.member_id and by.member_id != span.member and way_to(by.member_id, span, known):
        return [{"loc": ["substitute"], "msg": "you would stand in yourself; somebody else has to arrange that"}]
    return []


def _shown(absence: Absence) -> dict[str, str]:
    return {
        "member": absence.member.user.email,
        "substitute": absence.substitute.user.email,
        "from": absence.starts_at.isoformat(),
        "until": absence.ends_at.isoformat(),
    }
