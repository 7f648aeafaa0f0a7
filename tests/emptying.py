"""Empties the database between tests that commit: only the tables that hold something, without any DDL.

Django's `flush` empties every table and makes every permission anew, which takes longer than most tests.
"""

import functools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

_MADE_BY_MIGRATE = {"django_migrations", "django_content_type", "auth_permission"}


def install() -> None:
    """Have every test that commits be followed by this instead of `flush`."""
    setattr(TransactionTestCase, "_fixture_teardown", _empty_all)  # noqa: B010 - mypy knows no such attribute


def _empty_all(case: Any) -> None:
    for name in case._databases_names(include_mirrors=False):
        _empty(connections[name])


def _empty(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_which_hold_something(connection.alias))
        holding = [row[0] for row in cursor.fetchall()]
    with _unguarded(connection), connection.cursor() as cursor:
        for table in holding:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        if connection.vendor == "sqlite":
            cursor.execute("DROP TABLE IF EXISTS sqlite_stat1")  # or the next test is planned for the rows of this one


@functools.cache
def _which_hold_something(alias: str) -> str:
    connection = connections[alias]
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    quote = connection.ops.quote_name
    return " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quote(table)})" for table in sorted(tables - _MADE_BY_MIGRATE)
    )


@contextmanager
def _unguarded(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without triggers and foreign keys: the audit log refuses to be emptied, and rows go in any order."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            try:
                yield
            finally:
                cursor.execute("SET session_replication_role = DEFAULT")
        return
    with connection.constraint_checks_disabled():
        connection.connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        try:
            yield
        finally:
            connection.connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, True)
