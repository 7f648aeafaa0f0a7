"""For migrations that may take longer than a statement of the running product may."""

from typing import Any

from django.db import migrations


def _take_your_time(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET LOCAL statement_timeout = 0")


TAKES_LONG = migrations.RunPython(_take_your_time, migrations.RunPython.noop)


class AddIndexBeside(migrations.AddIndex):
    """Adds an index while the running product goes on writing its table. For a migration with `atomic = False`, which
    may be cut off and run again."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make it; on PostgreSQL concurrently, for as long as that takes."""
        if schema_editor.connection.vendor != "postgresql":
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return None
        limits = ("statement_timeout", "lock_timeout")
        for limit in limits:
            schema_editor.execute(f"SET {limit} = 0")
        try:
            cut_off = schema_editor.quote_name(self.index.name)  # an earlier attempt may have left it, not whole
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {cut_off}")
            schema_editor.add_index(model, self.index, concurrently=True)
        finally:
            for limit in limits:
                schema_editor.execute(f"RESET {limit}")
