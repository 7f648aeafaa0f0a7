"""The scope: what it refuses, what it fills in, and that it follows tasks and threads."""

import asyncio
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async

from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Group, Member
from flowapp.tenancy.scope import NoWorkspace, WrongWorkspace, current, current_or_none, scoped
from tests.factories import Cast


def test_without_a_workspace_nothing_is_read_or_written(db: None) -> None:
    assert current_or_none() is None
    with pytest.raises(NoWorkspace, match=r"with scoped\(workspace_id\)"):
        Member.objects.all()
    with pytest.raises(NoWorkspace):
        Member.objects.count()
    with pytest.raises(NoWorkspace):
        Group.objects.create(name="finance")
    with pytest.raises(NoWorkspace):
        Group.objects.bulk_create([Group(name="finance")])


def test_rows_of_another_workspace_are_not_there(cast: Cast) -> None:
    assert set(Member.objects.all()) == {cast.ana, cast.bo, cast.cleo, cast.dev}
    with pytest.raises(Member.DoesNotExist):
        Member.objects.get(pk=cast.gil.pk)
    with scoped(cast.globex.pk):
        assert list(Member.objects.all()) == [cast.gil]


def test_related_rows_stay_in_the_workspace(cast: Cast) -> None:
    assert list(cast.finance.members.all()) == [cast.cleo]
    with scoped(cast.globex.pk):
        assert list(cast.finance.members.all()) == []


def test_unscoped_sees_every_workspace(cast: Cast) -> None:
    assert Member.unscoped.count() == 5


def test_what_is_created_belongs_to_the_workspace_in_scope(cast: Cast) -> None:
    made, _ = Group.objects.get_or_create(name="legal")
    many = Group.objects.bulk_create([Group(name="sales"), Group(name="support")])
    assert {group.workspace_id for group in (made, *many)} == {cast.acme.pk}


def test_a_row_of_another_workspace_is_not_created(cast: Cast) -> None:
    with pytest.raises(WrongWorkspace):
        Group.objects.create(name="legal", workspace=cast.globex)
    with pytest.raises(WrongWorkspace):
        Group.objects.create(name="legal", workspace_id=cast.globex.pk)
    with pytest.raises(WrongWorkspace):
        Group.objects.bulk_create([Group(name="legal", workspace=cast.globex)])


def test_scopes_nest() -> None:
    outer, inner = uuid7(), uuid7()
    with scoped(outer):
        with scoped(inner):
            assert current() == inner
        assert current() == outer
    assert current_or_none() is None


async def test_each_task_has_its_own_scope_and_threads_inherit_it() -> None:
    async def work(workspace_id: UUID) -> UUID:
        with scoped(workspace_id):
            await asyncio.sleep(0)
            return await sync_to_async(current)()

    ids = [uuid7() for _ in range(20)]
    assert await asyncio.gather(*map(work, ids)) == ids
    assert current_or_none() is None
