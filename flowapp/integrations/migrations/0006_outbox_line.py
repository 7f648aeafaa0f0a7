"""Each line of the outbox is found by its index: a long one is not read to find the others."""

from django.db import migrations, models

from flowapp.engine.migrations._long import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("integrations", "0005_receivers_and_hops")]

    operations = [
        AddIndexBeside(
            model_name="outboxmessage",
            index=models.Index(
                models.F("channel"),
                models.F("workspace"),
                models.F("receiver"),
                models.F("due_at"),
                condition=models.Q(("status", "pending")),
                name="outbox_line",
            ),
        ),
    ]
