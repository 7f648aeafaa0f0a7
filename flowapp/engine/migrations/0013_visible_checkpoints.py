"""On PostgreSQL the table of checkpoints is vacuumed after fewer inserts: until then a page of a long run, which is read
from the key alone, has to look up each of its rows to see that it is there.

By itself that comes when the table has grown by a fifth. Vacuuming goes through the new pages only, once as ever.
"""

from django.db import migrations

_SOON = "SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 5000)"
_AS_EVER = "RESET (autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold)"


def soon(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE engine_checkpoint {_SOON}")


def as_ever(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE engine_checkpoint {_AS_EVER}")


class Migration(migrations.Migration):
    dependencies = [("engine", "0012_early_outcomes")]

    operations = [migrations.RunPython(soon, as_ever)]
