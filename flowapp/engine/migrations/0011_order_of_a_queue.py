"""Who goes first in a queue is found by its queue: what has priority elsewhere is not read.

As before, the index holds only runs with a priority that wait in line, and those they overtook.
"""

from django.db import migrations, models

from ._long import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("engine", "0010_event_trouble")]

    operations = [
        AddIndexBeside(
            model_name="run",
            index=models.Index(
                models.F("queue"),
                models.F("workspace"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("id"),
                condition=models.Q(
                    ("held", False),
                    ("status", "queued"),
                    models.Q(models.Q(("priority", 0), _negated=True), ("overtaken", True), _connector="OR"),
                ),
                name="run_ordered_in_queue",
            ),
        ),
        migrations.RemoveIndex(model_name="run", name="run_ordered"),
    ]
