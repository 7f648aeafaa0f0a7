"""What the database itself refuses about people, members and groups."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import ApiKey, Group, GroupMember, Member, User, Workspace
from tests import factories
from tests.factories import Cast


def refused(write: Callable[[], object], constraint: str) -> None:
    """The database refuses, naming the constraint or (SQLite, for plain unique ones) its columns."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        write()


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [uuid7() for _ in range(2)]
    later = [uuid7() for _ in range(2)]
    assert max(id.int >> 80 for id in ids) <= min(id.int >> 80 for id in later)
    assert {(id.version, id.variant) for id in ids} == {(7, "specified in RFC 4122")}
    assert len({uuid7() for _ in range(1000)}) == 1000


def test_people_sign_in_by_email_in_any_case(db: None) -> None:
    ana = factories.user("Ana", email=" Ana@Example.com ")
    assert ana.email == "ana@example.com"
    assert User.objects.get_by_natural_key("ANA@example.COM") == ana
    assert str(ana) == "Ana"
    assert ana.check_password(factories.PASSWORD)
    assert not User.objects.create_user("bo@example.com").has_usable_password()


def test_an_email_belongs_to_one_person(db: None) -> None:
    factories.user(email="ana@example.com")
    refused(lambda: factories.user(email="ANA@example.com"), "email")
    refused(lambda: User.objects.create(email="Bo@example.com"), "user_email_lower")


def test_a_slug_names_one_workspace(db: None) -> None:
    factories.workspace("acme")
    refused(lambda: Workspace.objects.create(name="Other", slug="acme"), "slug")


def test_a_person_is_a_member_once(cast: Cast) -> None:
    refused(lambda: Member.objects.create(user=cast.ana.user), r"user_id|member_once_per_workspace")


def test_roles_are_the_five(cast: Cast) -> None:
    refused(lambda: Member.objects.filter(pk=cast.dev.pk).update(role="king"), "member_role_known")


def test_nobody_is_their_own_manager(cast: Cast) -> None:
    refused(lambda: Member.objects.filter(pk=cast.bo.pk).update(manager=cast.bo), "member_not_own_manager")


def test_a_group_name_is_used_once_a_workspace(cast: Cast) -> None:
    refused(lambda: Group.objects.create(name="Finance"), "group_name_once_per_workspace")
    refused(lambda: GroupMember.objects.create(group=cast.finance, member=cast.cleo), r"member_id|group_member_once")


def test_a_key_digest_is_unique(cast: Cast) -> None:
    key, _ = factories.api_key()
    refused(lambda: ApiKey.objects.create(name="copy", prefix="x", digest=key.digest), "digest")
