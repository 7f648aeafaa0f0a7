"""Policies kept in the workspace, and what they decided."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import flowapp.tenancy.ids


def _workspace():
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenancy.workspace"
    )


def _id():
    return models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Policy",
            fields=[
                ("id", _id()),
                ("name", models.CharField(max_length=100)),
                ("enabled", models.BooleanField(default=True)),
                (
                    "position",
                    models.PositiveIntegerField(
                        help_text="Rules are looked at in this order; the first true one counts."
                    ),
                ),
                ("number", models.PositiveIntegerField(default=1, help_text="The version in force.")),
                ("created_at", models.DateTimeField()),
                ("workspace", _workspace()),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                ("id", _id()),
                ("number", models.PositiveIntegerField()),
                ("expression", models.TextField(help_text="CEL; true of the prompts that the rule is for.")),
                (
                    "outcome",
                    models.CharField(help_text='What it decides; "ask" puts the prompt to people.', max_length=64),
                ),
                (
                    "workflow",
                    models.CharField(
                        blank=True, help_text="Only prompts of this workflow; empty for all.", max_length=200
                    ),
                ),
                (
                    "prompt",
                    models.CharField(blank=True, help_text="Only prompts of this name; empty for all.", max_length=200),
                ),
                ("reason", models.TextField(blank=True, help_text="What its decisions give as their reason.")),
                ("created_at", models.DateTimeField()),
                ("author", models.JSONField(help_text="Who saved it.")),
                (
                    "policy",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="approvals.policy",
                    ),
                ),
                ("workspace", _workspace()),
            ],
            options={"abstract": False},
        ),
        migrations.AddField(
            model_name="decision",
            name="rule",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="decisions",
                to="approvals.policyversion",
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                models.F("rule"),
                models.OrderBy(models.F("at"), descending=True),
                condition=models.Q(("rule__isnull", False)),
                name="decision_by_rule",
            ),
        ),
        migrations.AddIndex(
            model_name="policy",
            index=models.Index(models.F("workspace"), models.F("position"), models.F("id"), name="policy_in_order"),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.UniqueConstraint(
                models.F("workspace"), django.db.models.functions.text.Lower("name"), name="policy_name_once"
            ),
        ),
        migrations.AddField(
            model_name="assignment",
            name="line",
            field=models.PositiveSmallIntegerField(default=1, help_text="Which of those side by side in its stage."),
        ),
        migrations.AddField(
            model_name="decision",
            name="line",
            field=models.PositiveSmallIntegerField(default=1, help_text="Which of those side by side in its stage."),
        ),
        migrations.RemoveConstraint(model_name="assignment", name="assignment_once"),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(fields=("prompt", "stage", "line", "target"), name="assignment_once"),
        ),
        migrations.RemoveConstraint(model_name="decision", name="decision_once_a_member"),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                fields=("prompt", "stage", "line", "member"), name="decision_once_a_member"
            ),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.UniqueConstraint(fields=("policy", "number"), name="policy_version_once"),
        ),
    ]
