"""Reading the log in pages: newest first, each entry once, of one workspace."""

import pytest

from flowapp.audit import queries
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from tests import factories


def test_pages_follow_each_other(acme: Workspace) -> None:
    made = [factories.audit_entry(f"thing.{n}") for n in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        entries, cursor = queries.page(target="thing:1", cursor=cursor, limit=2)
        seen += entries
    assert seen == made[::-1]
    assert cursor is None


def test_a_page_is_of_one_workspace(acme: Workspace) -> None:
    with scoped(factories.workspace("globex").pk):
        factories.audit_entry()
        assert len(queries.page()[0]) == 2
    assert [entry.verb for entry in queries.page()[0]] == ["workspace.created"]


def test_a_strange_cursor_is_refused(acme: Workspace) -> None:
    with pytest.raises(ValueError, match="UUID"):
        queries.page(cursor="yesterday")
