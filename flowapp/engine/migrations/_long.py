"""For migrations that may take longer than a statement of the running product may."""

from typing import Any

from django.db import migrations


def _take_your_time(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET LOCAL statement_timeout = 0")


TAKES_LONG = migrations.RunPython(_take_your_time, migrations.RunPython.noop)
