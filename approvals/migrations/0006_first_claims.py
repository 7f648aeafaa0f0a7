"""Whose the first claim of a prompt was, so that reports can say who is quick to take one up."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0005_seats"), ("tenancy", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="prompt",
            name="first_claimed_by",
            field=models.ForeignKey(
                db_index=False,
                help_text="Whose claim that was.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tenancy.member",
            ),
        ),
    ]
