"""A migration that adds an index beside the running product may be cut off, and run again."""

from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

NAME = "0015_events_to_look_at"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time, and one process")
def test_what_an_attempt_left_is_made_anew():
    state = MigrationLoader(connection).project_state(("engine", NAME))
    add, _ = import_module(f"flowapp.engine.migrations.{NAME}").Migration.operations
    before = limits()
    with connection.schema_editor(atomic=False) as editor:
        add.database_forwards("engine", editor, state, state)  # it is there already, as after such an attempt
    assert before == limits() == ["30s", "10s"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'event_to_look_at'::regclass")
        assert cursor.fetchall() == [(True,)]


def limits() -> list[str]:
    with connection.cursor() as cursor:
        return [cursor.execute(f"SHOW {name}").fetchone()[0] for name in ("statement_timeout", "lock_timeout")]
