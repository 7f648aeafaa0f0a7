"""The people of the demo workspace, and what they sign in with: kept in FLOWAPP_HOME, so that it outlives restarts."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from django.contrib.auth.hashers import make_password
from django.db import transaction

from flowapp.http.accounts import confirm_address
from flowapp.tenancy import actions, keys, queries
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.errors import UnfitKey
from flowapp.tenancy.models import ApiKey, Member, Role, User, Workspace
from flowapp.tenancy.scope import scoped

SLUG, NAME = "acme", "Acme"
FILE = "people.json"
_KEY_NAME = "Demo key"


@dataclass(frozen=True)
class Person:
    """One of the cast. `reports_to` is the e-mail's first part of the manager."""

    name: str
    role: Role
    reports_to: str = ""
    groups: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        return self.name.partition(" ")[0].lower()

    @property
    def email(self) -> str:
        return f"{self.first}@acme.example"


# A manager comes before those who report to them. Two vice-presidents: one of them may have decided as a manager.
CAST = (
    Person("Ana Ruiz", Role.OWNER),
    Person("Bo Lindqvist", Role.MANAGER, "ana"),
    Person("Cleo Marchetti", Role.REVIEWER, "bo", ("finance",)),
    Person("Hugo Brandt", Role.REVIEWER, "bo", ("finance",)),
    Person("Vera Novak", Role.MANAGER, "ana", ("vp",)),
    Person("Omar Haddad", Role.MANAGER, "ana", ("vp",)),
    Person("Iris Chen", Role.ADMIN, "ana"),
    Person("Dev Patel", Role.VIEWER, "bo"),
)


class Access(TypedDict):
    """What opens one person's account, as `dev.json` holds it."""

    email: str
    password: str
    role: str
    groups: list[str]
    api_key: str


class Kept(TypedDict):
    """What people.json holds. One password for all: its hash is slow on purpose, and made once."""

    api_key: str
    password: str
    password_hash: str
    keys: dict[str, str]


def keep(home: Path) -> Kept:
    """What people.json in `home` holds; made at the first time."""
    try:
        kept: Kept = json.loads((home / FILE).read_text())
    except FileNotFoundError:
        password = "-".join(secrets.token_hex(2) for _ in range(4))
        kept = Kept(api_key=keys.generate(), password=password, password_hash=make_password(password), keys={})
    if new := {person.email: keys.generate() for person in CAST if person.email not in kept["keys"]}:
        kept["keys"] |= new
        _write(home, kept)
    return kept


@transaction.atomic
def assemble() -> Workspace:
    """The demo workspace with its people; made unless it is there."""
    known = queries.workspace(SLUG)
    if known is not None:
        return known
    workspace = actions.create_workspace(name=NAME, slug=SLUG, by=SYSTEM)
    with scoped(workspace.pk):
        names = sorted({name for person in CAST for name in person.groups})
        groups = {name: actions.create_group(name=name, by=SYSTEM) for name in names}
        members: dict[str, Member] = {}
        for person in CAST:
            user = actions.create_user(email=person.email, name=person.name, by=SYSTEM)
            manager = members.get(person.reports_to)
            members[person.first] = actions.add_member(user=user, role=person.role, manager=manager, by=SYSTEM)
            for name in person.groups:
                actions.add_to_group(group=groups[name], member=members[person.first], by=SYSTEM)
    return workspace


@transaction.atomic
def admit(workspace: Workspace, home: Path, kept: Kept, preset_key: str) -> tuple[str, list[Access]]:
    """Make what `kept` holds open the accounts that still exist: the workspace's key, and each person's access."""
    with scoped(workspace.pk):
        _admit_workspace(home, kept, preset_key)
        members = {member.user.email: member for member in queries.members()}
        present = [person for person in CAST if person.email in members]
        for person in present:
            _set_password(members[person.email].user, kept["password_hash"])
            confirm_address(members[person.email].user)
            _admit(members[person.email], home, kept)
        people = [_access(members[person.email], person, kept) for person in present]
    return preset_key or kept["api_key"], people


def _admit_workspace(home: Path, kept: Kept, preset_key: str) -> None:
    if preset_key and _revoked(preset_key):
        raise UnfitKey("FLOWAPP_DEV_API_KEY is a key that was revoked, which is for good: set another one")
    if _revoked(kept["api_key"]):
        kept["api_key"] = keys.generate()
        _write(home, kept)
    actions.adopt_api_key(preset_key or kept["api_key"], name=_KEY_NAME, by=SYSTEM)


def _set_password(user: User, password_hash: str) -> None:
    """Set the kept password, where somebody changed it or this database is new to this home."""
    if user.password != password_hash:
        actions.set_password_hash(user=user, password_hash=password_hash, by=SYSTEM)


def _admit(member: Member, home: Path, kept: Kept) -> None:
    """Have the kept key act as this member; keys of an earlier home, which nobody holds any more, end."""
    if _revoked(kept["keys"][member.user.email]):
        kept["keys"][member.user.email] = keys.generate()
        _write(home, kept)
    plaintext = kept["keys"][member.user.email]
    actions.adopt_api_key(plaintext, name=_KEY_NAME, member=member, scopes=[keys.APPROVALS_DECIDE], by=SYSTEM)
    former = ApiKey.objects.filter(member=member, name=_KEY_NAME, revoked_at=None)
    for key in former.exclude(digest=keys.digest(plaintext)):
        actions.revoke_api_key(key=key, by=SYSTEM)


def _revoked(plaintext: str) -> bool:
    return ApiKey.objects.filter(digest=keys.digest(plaintext)).exclude(revoked_at=None).exists()


def _access(member: Member, person: Person, kept: Kept) -> Access:
    return Access(
        email=person.email,
        password=kept["password"],
        role=str(member.role),
        groups=sorted(member.groups.values_list("name", flat=True)),
        api_key=kept["keys"][person.email],
    )


def _write(home: Path, kept: Kept) -> None:
    """Replace the file whole, readable by its owner only."""
    new = home / f"{FILE}.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(kept, file, indent=2)
    new.replace(home / FILE)
