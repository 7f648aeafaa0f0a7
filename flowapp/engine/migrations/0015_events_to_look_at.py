"""Events that wait to be tried again are found by their moment, and passed over until it comes."""

from django.db import migrations, models

from ._long import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("engine", "0014_worker_token")]

    operations = [
        AddIndexBeside(
            model_name="event",
            index=models.Index(
                models.F("look_at"), models.F("id"), condition=models.Q(("looked", False)), name="event_to_look_at"
            ),
        ),
        migrations.RemoveIndex(model_name="event", name="event_to_look"),
    ]
