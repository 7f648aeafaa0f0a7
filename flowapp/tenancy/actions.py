"""Everything that changes workspaces, members, groups and keys. Each is atomic and tells the audit room what it did."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from . import keys
from .actors import Actor
from .errors import UnfitKey, UnknownScope
from .models import Agent, ApiKey, Group, GroupMember, Member, Role, User, Workspace
from .scope import WrongWorkspace, current, scoped
from .signals import tell


@transaction.atomic
def create_workspace(*, name: str, slug: str, by: Actor) -> Workspace:
    """A new, empty workspace."""
    workspace = Workspace.objects.create(name=name, slug=slug)
    with scoped(workspace.pk):
        tell(by=by, verb="workspace.created", target=f"workspace:{workspace.pk}", after={"name": name, "slug": slug})
    return workspace


@transaction.atomic
def create_user(*, email: str, name: str, password: str | None = None, by: Actor) -> User:
    """The person with this e-mail address, made unless they exist; an existing person keeps name and password."""
    known = User.objects.filter(email=email.strip().lower()).first()
    if known:
        return known
    user = User.objects.create_user(email, password, name=name)
    tell(by=by, verb="user.created", target=f"user:{user.email}", after={"name": name})
    return user


@transaction.atomic
def set_password_hash(*, user: User, password_hash: str, by: Actor) -> None:
    """Let a person sign in with the password that `make_password` made this of: for `flowapp dev`, whose people share
    one password and so one slow hash."""
    user.password = password_hash
    user.save(update_fields=["password"])
    tell(by=by, verb="user.password-set", target=f"user:{user.email}")


@transaction.atomic
def add_member(*, user: User, role: Role, manager: Member | None = None, by: Actor) -> Member:
    """Give a person a role in the workspace in scope."""
    _same_workspace(manager)
    member = Member.objects.create(user=user, role=role, manager=manager)
    tell(by=by, verb="member.added", target=f"member:{member.pk}", after=_shown(member))
    return member


@transaction.atomic
def set_role(*, member: Member, role: Role, by: Actor) -> Member:
    """Change what a member may do."""
    return _change(member, by=by, verb="member.role-changed", role=Role(role))


@transaction.atomic
def set_manager(*, member: Member, manager: Member | None, by: Actor) -> Member:
    """Say whom a member's unanswered questions escalate to."""
    _same_workspace(manager)
    return _change(member, by=by, verb="member.manager-changed", manager=manager)


@transaction.atomic
def create_group(*, name: str, by: Actor) -> Group:
    """A new, empty group."""
    group = Group.objects.create(name=name)
    tell(by=by, verb="group.created", target=f"group:{group.pk}", after={"name": name})
    return group


@transaction.atomic
def add_to_group(*, group: Group, member: Member, by: Actor) -> GroupMember:
    """Put a member into a group; once is enough."""
    _same_workspace(group, member)
    place, new = GroupMember.objects.get_or_create(group=group, member=member)
    if new:
        tell(by=by, verb="group.member-added", target=f"group:{group.pk}", after={"member": str(member.pk)})
    return place


@transaction.atomic
def remove_from_group(*, group: Group, member: Member, by: Actor) -> None:
    """Take a member out of a group."""
    gone, _ = GroupMember.objects.filter(group=group, member=member).delete()
    if gone:
        tell(by=by, verb="group.member-removed", target=f"group:{group.pk}", before={"member": str(member.pk)})


def issue_api_key(
    *,
    name: str,
    by: Actor,
    member: Member | None = None,
    agent: Agent | None = None,
    scopes: Collection[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown this once. Without a member or agent it is the workspace's own."""
    plaintext = keys.generate()
    key = _keep_key(plaintext, name=name, by=by, member=member, agent=agent, scopes=scopes, expires_at=expires_at)
    return key, plaintext


def adopt_api_key(
    plaintext: str, *, name: str, by: Actor, member: Member | None = None, scopes: Collection[str] = ()
) -> ApiKey:
    """Keep a key whose text somebody chose: for `flowapp dev` and tests. Adopting it again changes nothing."""
    if not plaintext.startswith("ffk_") or len(plaintext) < keys.SHORTEST:
        raise UnfitKey(f"a preset API key is ffk_ and {keys.SHORTEST} characters or more in all")
    known = ApiKey.objects.filter(digest=keys.digest(plaintext), revoked_at=None).first()
    return known or _keep_key(plaintext, name=name, by=by, member=member, scopes=scopes, expires_at=None)


@transaction.atomic
def revoke_api_key(*, key: ApiKey, by: Actor) -> None:
    """End a key at once and for good."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        tell(by=by, verb="api-key.revoked", target=f"api-key:{key.pk}", before={"name": key.name})


@transaction.atomic
def _keep_key(
    plaintext: str,
    *,
    name: str,
    by: Actor,
    member: Member | None,
    agent: Agent | None = None,
    scopes: Collection[str],
    expires_at: datetime | None,
) -> ApiKey:
    _same_workspace(member, agent)
    if unknown := set(scopes) - keys.SCOPES:
        raise UnknownScope(f"unknown key scope {', '.join(sorted(unknown))}: there is {', '.join(sorted(keys.SCOPES))}")
    key = ApiKey.objects.create(
        member=member,
        agent=agent,
        name=name,
        prefix=keys.prefix(plaintext),
        digest=keys.digest(plaintext),
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    shown = {"name": name, "prefix": key.prefix, "scopes": key.scopes, "member": member and str(member.pk)}
    shown |= {"agent": agent.name} if agent else {}
    tell(by=by, verb="api-key.issued", target=f"api-key:{key.pk}", after=shown)
    return key


def _change(member: Member, *, by: Actor, verb: str, **fields: Any) -> Member:
    row = Member.objects.select_for_update(of=("self",)).get(pk=member.pk)
    before = _shown(row)
    for field, value in fields.items():
        setattr(row, field, value)
    row.save(update_fields=list(fields))
    tell(by=by, verb=verb, target=f"member:{row.pk}", before=before, after=_shown(row))
    return row


def _shown(member: Member) -> dict[str, Any]:
    return {
        "user": member.user.email,
        "role": str(member.role),
        "manager": member.manager_id and str(member.manager_id),
    }


def _same_workspace(*rows: Member | Group | Agent | None) -> None:
    """A foreign key does not know about workspaces, so a row of another one is refused here."""
    if any(row is not None and row.workspace_id != current() for row in rows):
        raise WrongWorkspace
