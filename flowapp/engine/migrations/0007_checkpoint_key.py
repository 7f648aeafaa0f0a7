"""On PostgreSQL the key of checkpoints carries `seq` and `kind`: a long run is paged by its key alone, without its rows.

An index of its own on (run_id, seq) would cost each step a quarter more of its INSERT, and of the log that it writes.
"""

from django.db import migrations

from ._long import TAKES_LONG

_REPLACE = """
    CREATE UNIQUE INDEX engine_checkpoint_key ON engine_checkpoint (run_id, name, occurrence) {more};
    ALTER TABLE engine_checkpoint DROP CONSTRAINT engine_checkpoint_pkey;
    ALTER TABLE engine_checkpoint ADD CONSTRAINT engine_checkpoint_pkey PRIMARY KEY USING INDEX engine_checkpoint_key;
"""


def carry(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_REPLACE.format(more="INCLUDE (seq, kind)"))


def carry_no_more(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_REPLACE.format(more=""))


class Migration(migrations.Migration):
    dependencies = [("engine", "0006_worker_maps")]

    operations = [TAKES_LONG, migrations.RunPython(carry, carry_no_more)]
