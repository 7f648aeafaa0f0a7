"""The line of all queues has an index of its own: a worker of every queue need not sort the whole line to claim."""

from django.db import migrations, models

from ._long import TAKES_LONG


class Migration(migrations.Migration):
    dependencies = [("engine", "0008_worker_knows")]

    operations = [
        TAKES_LONG,
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.F("rank"),
                models.F("vtime"),
                models.F("id"),
                condition=models.Q(("held", False), ("status", "queued")),
                name="run_in_line",
            ),
        ),
    ]
