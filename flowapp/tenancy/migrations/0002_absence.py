"""Who is away, who stands in, and which days are free."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import flowapp.tenancy.ids
import flowapp.tenancy.scope


def _id():
    return models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)


def _workspace():
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenancy.workspace")


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Absence",
            fields=[
                ("id", _id()),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="absences", to="tenancy.member"
                    ),
                ),
                (
                    "substitute",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stands_in",
                        to="tenancy.member",
                    ),
                ),
                ("workspace", _workspace()),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["substitute", "ends_at"], name="absence_stood_in")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gte", models.F("starts_at"))),
                        name="absence_ends_after_it_starts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("member", models.F("substitute")), _negated=True),
                        name="absence_somebody_else_stands_in",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Calendar",
            fields=[
                ("id", _id()),
                ("name", models.CharField(max_length=100)),
                (
                    "zone",
                    models.CharField(help_text="The time zone of its hours, such as Europe/Berlin.", max_length=60),
                ),
                (
                    "hours",
                    models.JSONField(help_text='{"monday": ["09:00-17:00"], …}; a weekday without is free.'),
                ),
                (
                    "country",
                    models.CharField(
                        blank=True, help_text="Its public holidays are free; empty for none.", max_length=2
                    ),
                ),
                (
                    "region",
                    models.CharField(blank=True, help_text="Of the country, where holidays differ.", max_length=20),
                ),
                (
                    "free",
                    models.JSONField(blank=True, default=list, help_text='Days off of one\'s own: ["2026-12-24"].'),
                ),
                ("workspace", _workspace()),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        models.F("workspace"), django.db.models.functions.text.Lower("name"), name="calendar_name_once"
                    )
                ],
            },
        ),
    ]
