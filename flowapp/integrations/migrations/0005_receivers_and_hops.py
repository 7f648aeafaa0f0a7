"""The outbox knows who gets a message; a delivery knows how many webhooks led to it; queues say how they do."""

import django.db.models.deletion
import flowapp.tenancy.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0004_slack_leaving"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboxmessage",
            name="receiver",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Which of the channel's it goes to.",
                max_length=40,
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="hops",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="Which webhook of Flowapp in a row it goes to, if it goes to one.",
            ),
        ),
        migrations.CreateModel(
            name="QueueState",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source", models.CharField(help_text="Its kind and name.", max_length=200)),
                (
                    "place",
                    models.CharField(help_text="Host, port, and the database or virtual host there.", max_length=300),
                ),
                ("failing_since", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
                ("told_at", models.DateTimeField(help_text="When a worker last said how it does.")),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        models.F("workspace"),
                        condition=models.Q(("failing_since__isnull", False)),
                        name="queue_state_failing",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "source", "place"), name="queue_state_once")
                ],
            },
        ),
    ]
