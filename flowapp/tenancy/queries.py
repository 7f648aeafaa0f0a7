"""What other rooms may ask about workspaces, members and keys. In scope, but for the few that find the scope."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from . import keys
from .actors import Actor
from .errors import UnknownAssignee
from .models import ApiKey, Member, Role, User, Workspace

_LAST_USED_EVERY = timedelta(minutes=1)


def workspace(slug: str) -> Workspace | None:
    """The workspace of this slug."""
    return Workspace.objects.filter(slug=slug).first()


def memberships(user: User) -> QuerySet[Member]:
    """All memberships of a person, over workspaces, oldest first."""
    return Member.unscoped.filter(user=user).select_related("workspace", "user").order_by("created_at", "id")


def membership(user: User, workspace_id: str | UUID | None) -> Member | None:
    """The person's membership in that workspace, else their first one; None for a person without any."""
    mine = list(memberships(user)[:100])
    return next((member for member in mine if str(member.workspace_id) == str(workspace_id)), mine[0] if mine else None)


def member_of(user: User) -> Member | None:
    """The person's membership in the workspace in scope."""
    return Member.objects.filter(user=user).select_related("user").first()


def members() -> QuerySet[Member]:
    """Everybody in the workspace, by name."""
    return Member.objects.select_related("user").order_by("user__name", "user__email")


def members_in_group(name: str) -> QuerySet[Member]:
    """The members of a group, by its name in any case."""
    return members().filter(groups__name__iexact=name)


def members_matching(*specs: str) -> QuerySet[Member]:
    """The active members whom `user:EMAIL`, `group:NAME` or `role:NAME` means; with several, any of them."""
    wanted = Q(pk__in=[])
    for spec in specs:
        wanted |= _matching(spec)
    return members().filter(wanted, user__is_active=True).distinct()


def specs_of(member_id: UUID) -> set[str]:
    """Every assignee spec that means this member, in lower case; empty for a member of another workspace."""
    own = Member.objects.filter(pk=member_id, user__is_active=True)
    specs: set[str] = set()
    for email, role, group in own.values_list("user__email", "role", "groups__name"):
        specs |= {f"user:{email}", f"role:{role}", *([f"group:{group.lower()}"] if group else [])}
    return specs


def managers_of(member_ids: Iterable[UUID]) -> QuerySet[Member]:
    """The managers of these members, each once."""
    return members().filter(reports__in=list(member_ids)).distinct()


def _matching(spec: str) -> Q:
    kind, _, name = spec.partition(":")
    if kind == "user" and name:
        return Q(user__email=name.lower())
    if kind == "group" and name:
        return Q(groups__name__iexact=name)
    if kind == "role" and name in Role.values:
        return Q(role=name)
    raise UnknownAssignee(f"{spec!r} names nobody: an assignee is user:EMAIL, group:NAME or role:NAME")


def key_for(plaintext: str) -> ApiKey | None:
    """The live key with this text, found by its digest; notes when it was last used, to the minute. Finds the scope."""
    now = timezone.now()
    live = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    owned = (Q(member=None) | Q(member__user__is_active=True)) & (
        Q(agent=None) | Q(agent__is_active=True, agent__owner__user__is_active=True)
    )
    found = (
        ApiKey.unscoped.select_related("workspace", "member__user", "agent__owner__user")
        .filter(live, owned, digest=keys.digest(plaintext))
        .first()
    )
    if found and (found.last_used_at is None or found.last_used_at < now - _LAST_USED_EVERY):
        ApiKey.unscoped.filter(pk=found.pk).update(last_used_at=now)
    return found


def key_allows(key_id: UUID, scope: str) -> bool:
    """Whether a live key of this workspace was granted `scope`."""
    now = timezone.now()
    live = ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), pk=key_id, revoked_at=None)
    return any(scope in granted for granted in live.values_list("scopes", flat=True))


def may_answer(by: Actor) -> bool:
    """Whether this actor may answer anything at all: in a session, or by a key that was granted it (SECURITY 11)."""
    return by.key_id is None or key_allows(by.key_id, keys.APPROVALS_DECIDE)


def actor_for(member: Member, key: ApiKey | None = None) -> Actor:
    """The person as an actor, through a key of theirs if one was used."""
    return Actor("person", member.user.email, str(member.user), member.pk, key.pk if key else None)


def actor_for_key(key: ApiKey) -> Actor:
    """Whom a key acts as: its member, its agent, or the workspace's key itself."""
    if key.member is not None:
        return actor_for(key.member, key)
    if key.agent is not None:
        agent = key.agent
        return Actor("agent", agent.name, agent.name, None, key.pk, on_behalf_of=agent.owner.user.email)
    return Actor("key", key.prefix, key.name, None, key.pk)
