"""A worker tells with each heartbeat what maps have under way in it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0005_turns")]

    operations = [
        migrations.AddField(
            model_name="worker",
            name="maps",
            field=models.JSONField(
                db_default={}, default=dict, help_text="What runs map here, as of the last heartbeat."
            ),
        ),
    ]
