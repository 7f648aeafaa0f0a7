"""A factory per model of the ground floors, and the test cast: Ana, Bo, Cleo and Dev of acme; Gil of globex.

Everything is made through the same actions as users make it. Factories of scoped rows need a workspace in scope.
"""

from dataclasses import dataclass
from itertools import count

from flowapp.audit.models import AuditEntry
from flowapp.tenancy import actions, queries
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.models import ApiKey, Group, Member, Role, User, Workspace
from flowapp.tenancy.scope import scoped

PASSWORD = "correct-horse-battery"
_numbers = count(1)


def workspace(slug: str = "", *, name: str = "") -> Workspace:
    slug = slug or f"workspace-{next(_numbers)}"
    return actions.create_workspace(name=name or slug.title(), slug=slug, by=SYSTEM)


def user(name: str = "", *, email: str = "") -> User:
    name = name or f"Person {next(_numbers)}"
    email = email or f"{name.lower().replace(' ', '.')}@example.com"
    return User.objects.create_user(email, PASSWORD, name=name)


def member(
    name: str = "", role: Role = Role.VIEWER, *, manager: Member | None = None, person: User | None = None
) -> Member:
    return actions.add_member(user=person or user(name), role=role, manager=manager, by=SYSTEM)


def group(name: str, *members: Member) -> Group:
    made = actions.create_group(name=name, by=SYSTEM)
    for one in members:
        actions.add_to_group(group=made, member=one, by=SYSTEM)
    return made


def api_key(owner: Member | None = None, *scopes: str, name: str = "a key") -> tuple[ApiKey, str]:
    """A key and its text; without an owner it is the workspace's."""
    return actions.issue_api_key(name=name, member=owner, scopes=scopes, by=SYSTEM)


def audit_entry(verb: str = "thing.done", *, by: Actor = SYSTEM) -> AuditEntry:
    from flowapp.audit.log import entry

    made = entry(by=by, verb=verb, target="thing:1", before={"n": 1}, after={"n": 2})
    made.save()
    return made


def actor(someone: Member) -> Actor:
    return queries.actor_for(someone)


@dataclass(frozen=True)
class Cast:
    """Ana owns acme, Bo manages, Cleo reviews (group finance, reports to Bo), Dev looks on. Gil owns globex."""

    acme: Workspace
    ana: Member
    bo: Member
    cleo: Member
    dev: Member
    finance: Group
    globex: Workspace
    gil: Member


def cast() -> Cast:
    acme, globex = workspace("acme", name="Acme"), workspace("globex", name="Globex")
    with scoped(acme.pk):
        ana = member("Ana", Role.OWNER)
        bo = member("Bo", Role.MANAGER, manager=ana)
        cleo = member("Cleo", Role.REVIEWER, manager=bo)
        dev = member("Dev", Role.VIEWER, manager=bo)
        finance = group("finance", cleo)
    with scoped(globex.pk):
        gil = member("Gil", Role.OWNER)
    return Cast(acme, ana, bo, cleo, dev, finance, globex, gil)
