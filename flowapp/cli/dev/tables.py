"""The tables of the database: a new SQLite file gets them at once as the models are now, any other is migrated.

Going through every migration takes several times as long as all else that happens before the first page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model


def bring_up_to_date() -> None:
    """Make or migrate what is missing."""
    from django.core.management import call_command
    from django.core.management.sql import emit_post_migrate_signal
    from django.db import connection

    from flowapp.cli import project

    if connection.vendor == "sqlite" and not connection.introspection.table_names():
        make(connection)
    if project.migrations_missing():
        call_command("migrate", interactive=False, verbosity=0)
    else:
        # What `migrate` looks after even when there is nothing to do, such as the guards of the audit log.
        emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)


def make(connection: BaseDatabaseWrapper) -> None:
    """All tables, and every migration noted as applied, in one transaction; the database is empty.

    What migrations do beside that is left out: there are no rows yet, and the rest is for PostgreSQL.
    """
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.recorder import MigrationRecorder

    recorder = MigrationRecorder(connection)
    known = MigrationLoader(None).graph.nodes
    with connection.schema_editor() as editor:
        for model in _models(connection):
            editor.create_model(model)
        editor.create_model(recorder.Migration)
        rows = [recorder.Migration(app=app, name=name) for app, name in known]
        recorder.migration_qs.bulk_create(rows)


def _models(connection: BaseDatabaseWrapper) -> list[type[Model]]:
    from django.apps import apps

    models = apps.get_models(include_auto_created=False)
    return [model for model in models if model._meta.can_migrate(connection)]
