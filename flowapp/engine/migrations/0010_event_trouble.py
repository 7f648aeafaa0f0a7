"""An event that cannot be looked at is tried ever less often, and says why."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0009_line_of_all_queues")]

    operations = [
        migrations.AddField(
            model_name="event",
            name="misses",
            field=models.IntegerField(db_default=0, default=0, help_text="How often looking at it failed."),
        ),
        migrations.AddField(
            model_name="event",
            name="look_at",
            field=models.DateTimeField(help_text="When to look next, after it failed.", null=True),
        ),
        migrations.AddField(
            model_name="event",
            name="trouble",
            field=models.TextField(blank=True, db_default="", default="", help_text="Why it failed last."),
        ),
    ]
