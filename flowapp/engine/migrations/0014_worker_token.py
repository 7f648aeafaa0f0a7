"""A worker's sessions are told apart from those of another process that has the same host's name and process id."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0013_visible_checkpoints")]

    operations = [
        migrations.AddField(
            model_name="worker",
            name="token",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Of its process, for its sessions' names; none once it stopped in order.",
                max_length=16,
            ),
        ),
    ]
