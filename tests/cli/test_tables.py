"""The tables that a first `flowapp dev` makes at once are those that all migrations make one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections, migrations
from django.db.migrations.loader import MigrationLoader

from flowapp.cli.dev import tables

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

# Of these it was looked whether they put rows, or anything but tables, into an empty SQLite file: they do not.
KNOWN = {
    ("allauth.account.migrations.0006_emailaddress_lower", "forwards"),
    ("allauth.account.migrations.0008_emailaddress_unique_primary_email_fixup", "forwards"),
    ("django.contrib.auth.migrations.0011_update_proxy_permissions", "update_proxy_model_permissions"),
    ("django.db.migrations.operations.special", "noop"),
    ("flowapp.engine.migrations._long", "_take_your_time"),
    ("flowapp.engine.migrations.0004_operations", "find_runs_of_before"),
    ("flowapp.engine.migrations.0005_turns", "stand_in_line_by_turns"),
    ("flowapp.engine.migrations.0007_checkpoint_key", "carry"),
    ("flowapp.engine.migrations.0013_visible_checkpoints", "soon"),
}


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite's are made at once")
def test_they_are_those_of_the_migrations(tmp_path: Path) -> None:
    new = connections["new"] = connection.copy(alias="new")
    new.settings_dict["NAME"] = str(tmp_path / "new.sqlite3")
    try:
        tables.make(new)
        made, migrated = _schema(new), _schema(connection)
    finally:
        new.close()
        del connections["new"]
    assert set(made) == set(migrated)
    for name, what in migrated.items():
        assert made[name] == what, name


def _schema(database: BaseDatabaseWrapper) -> dict[str, Any]:
    """Columns, constraints and indexes of every table, whatever the order they were made in."""
    found: dict[str, Any] = {}
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            if table.startswith("sqlite_"):
                continue  # its own
            cursor.execute(f'PRAGMA table_info("{table}")')
            columns = {tuple(row[1:]) for row in cursor.fetchall()}  # the last says its place in the primary key
            constraints = database.introspection.get_constraints(cursor, table).values()
            rules = {repr(rule) for rule in constraints if not rule["index"] and not rule["primary_key"]}
            cursor.execute("SELECT sql FROM sqlite_master WHERE tbl_name = %s AND type = 'index'", [table])
            indexes = {re.sub(r"\s+", " ", sql) for (sql,) in cursor.fetchall() if sql}
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [table])
            checks = sorted(re.findall(r"CHECK \(.*?\)(?=[,)])", cursor.fetchone()[0]))
            found[table] = columns, rules, indexes, checks
    return found


def test_no_migration_fills_an_empty_database() -> None:
    loaded = MigrationLoader(None).disk_migrations.values()
    operations = [operation for migration in loaded for operation in migration.operations]
    assert not [one for one in operations if isinstance(one, migrations.RunSQL | migrations.SeparateDatabaseAndState)]
    code = [one.code for one in operations if isinstance(one, migrations.RunPython)]
    assert {(one.__module__, getattr(one, "__name__", "")) for one in code} == KNOWN
