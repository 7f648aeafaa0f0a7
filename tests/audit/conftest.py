"""A workspace in scope, and a way to tamper as somebody with the database's password would."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from flowapp.audit import guards
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from tests import factories


@pytest.fixture
def acme(db: None) -> Iterator[Workspace]:
    made = factories.workspace("acme")
    with scoped(made.pk):
        yield made


@pytest.fixture
def tamper(db: None) -> Callable[[str, list[Any]], None]:
    """Runs SQL behind the guards' back."""

    def run(sql: str, values: list[Any]) -> None:
        guards.lift(connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        guards.install(connection)

    return run
