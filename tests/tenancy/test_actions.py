"""Actions: what they change, what they refuse, and that each leaves one audit entry or none at all."""

from collections.abc import Callable

import pytest

from flowapp.audit.models import AuditEntry
from flowapp.tenancy import actions, signals
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Group, GroupMember, Member, Role, Workspace
from flowapp.tenancy.scope import WrongWorkspace, scoped
from tests import factories
from tests.factories import Cast


def logged() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("verb", flat=True))


def test_the_cast_was_made_in_the_open(cast: Cast) -> None:
    assert logged() == ["workspace.created", *["member.added"] * 4, "group.created", "group.member-added"]


def test_a_role_change_is_logged_with_before_and_after(cast: Cast) -> None:
    actions.set_role(member=cast.dev, role=Role.REVIEWER, by=factories.actor(cast.ana))
    cast.dev.refresh_from_db()
    assert cast.dev.role == Role.REVIEWER
    last = AuditEntry.objects.order_by("id").last()
    assert last
    assert (last.verb, last.actor_kind, last.actor_id) == ("member.role-changed", "person", "ana@example.com")
    assert (last.before["role"], last.after["role"]) == ("viewer", "reviewer")
    assert last.member_id == cast.ana.pk


def test_a_manager_is_set_and_taken_away(cast: Cast) -> None:
    assert actions.set_manager(member=cast.dev, manager=cast.ana, by=SYSTEM).manager == cast.ana
    assert actions.set_manager(member=cast.dev, manager=None, by=SYSTEM).manager is None


def test_groups_are_joined_once_and_left(cast: Cast) -> None:
    before = len(logged())
    actions.add_to_group(group=cast.finance, member=cast.cleo, by=SYSTEM)
    assert len(logged()) == before
    actions.remove_from_group(group=cast.finance, member=cast.cleo, by=SYSTEM)
    assert not GroupMember.objects.exists()
    assert logged()[-1] == "group.member-removed"


def test_an_existing_person_keeps_name_and_password(cast: Cast) -> None:
    again = actions.create_user(email="ANA@example.com", name="Other", password="another-password", by=SYSTEM)
    assert again == cast.ana.user
    assert again.name == "Ana"
    assert again.check_password(factories.PASSWORD)


def test_a_new_person_is_logged_without_the_password(cast: Cast) -> None:
    actions.create_user(email="eve@example.com", name="Eve", password="a-secret-of-eve", by=SYSTEM)
    assert "a-secret-of-eve" not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    "act",
    [
        lambda cast: actions.add_member(user=factories.user(), role=Role.VIEWER, manager=cast.gil, by=SYSTEM),
        lambda cast: actions.set_manager(member=cast.dev, manager=cast.gil, by=SYSTEM),
        lambda cast: actions.add_to_group(group=cast.finance, member=cast.gil, by=SYSTEM),
        lambda cast: actions.issue_api_key(name="key", member=cast.gil, by=SYSTEM),
    ],
)
def test_rows_of_two_workspaces_are_never_tied(cast: Cast, act: Callable[[Cast], object]) -> None:
    before = logged()
    with pytest.raises(WrongWorkspace):
        act(cast)
    assert logged() == before


def test_a_member_of_another_workspace_cannot_be_changed(cast: Cast) -> None:
    with pytest.raises(Member.DoesNotExist):
        actions.set_role(member=cast.gil, role=Role.VIEWER, by=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_audited_does_not_happen() -> None:
    def full_disk(**_: object) -> None:
        raise OSError("the disk is full")

    made = factories.workspace("acme")
    signals.recorded.connect(full_disk)
    try:
        with scoped(made.pk), pytest.raises(OSError, match="disk"):
            actions.create_group(name="finance", by=SYSTEM)
        with pytest.raises(OSError, match="disk"):
            factories.workspace("globex")
    finally:
        signals.recorded.disconnect(full_disk)
    assert not Group.unscoped.exists()
    assert list(Workspace.objects.values_list("slug", flat=True)) == ["acme"]
