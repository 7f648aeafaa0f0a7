"""Whom an assignee means, who belongs where."""

import pytest

from flowapp.tenancy import actions, queries
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.errors import UnknownAssignee
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.factories import Cast


def names(specs: list[str]) -> list[str]:
    return [member.user.name for member in queries.members_matching(*specs)]


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (["user:CLEO@example.com"], ["Cleo"]),
        (["user:gil@example.com"], []),
        (["group:Finance"], ["Cleo"]),
        (["group:nobody"], []),
        (["role:manager"], ["Bo"]),
        (["role:owner", "group:finance", "user:cleo@example.com"], ["Ana", "Cleo"]),
        ([], []),
    ],
)
def test_an_assignee_means_members(cast: Cast, specs: list[str], expected: list[str]) -> None:
    assert names(specs) == expected


@pytest.mark.parametrize("spec", ["cleo@example.com", "user:", "role:king", "team:finance", ""])
def test_an_assignee_that_says_nothing_is_refused(cast: Cast, spec: str) -> None:
    with pytest.raises(UnknownAssignee, match="user:EMAIL, group:NAME or role:NAME"):
        names([spec])


def test_people_who_left_are_not_meant(cast: Cast) -> None:
    cast.cleo.user.is_active = False
    cast.cleo.user.save()
    assert names(["group:finance"]) == []


def test_a_member_knows_all_that_means_them(cast: Cast) -> None:
    actions.add_to_group(group=actions.create_group(name="VP", by=SYSTEM), member=cast.cleo, by=SYSTEM)
    assert queries.specs_of(cast.cleo.pk) == {"user:cleo@example.com", "role:reviewer", "group:finance", "group:vp"}
    assert queries.specs_of(cast.gil.pk) == set()


def test_managers_are_each_named_once(cast: Cast) -> None:
    assert list(queries.managers_of([cast.cleo.pk, cast.dev.pk])) == [cast.bo]
    assert list(queries.managers_of([cast.ana.pk])) == []


def test_groups_and_members(cast: Cast) -> None:
    assert list(queries.members_in_group("FINANCE")) == [cast.cleo]
    assert queries.member_of(cast.ana.user) == cast.ana
    assert queries.member_of(cast.gil.user) is None
    assert [member.user.name for member in queries.members()] == ["Ana", "Bo", "Cleo", "Dev"]


def test_a_person_of_two_workspaces_is_in_the_chosen_one(cast: Cast) -> None:
    with scoped(cast.globex.pk):
        second = factories.member(role=Role.VIEWER, person=cast.ana.user)
    with scoped(None):
        assert queries.membership(cast.ana.user, None) == cast.ana
        assert queries.membership(cast.ana.user, str(cast.globex.pk)) == second
        assert queries.membership(cast.gil.user, str(cast.acme.pk)) == cast.gil
        assert queries.membership(factories.user("Nobody"), None) is None


def test_an_actor_survives_json(cast: Cast) -> None:
    key, _ = factories.api_key(cast.bo)
    for actor in (SYSTEM, queries.actor_for_key(key), Actor("agent", "atlas", "Atlas", on_behalf_of="ana@example.com")):
        assert Actor.from_json(actor.as_json()) == actor
