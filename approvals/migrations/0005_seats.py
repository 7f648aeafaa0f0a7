"""In whose place somebody is asked and answers, and what binds an answer to its question."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0004_inbox")]

    operations = [
        migrations.AddField(
            model_name="assignment",
            name="seat",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="In whose place they are asked; empty: in their own.",
                max_length=120,
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="answer_digest",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Binds outcome and data to that question.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="seat",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The place it was given in: each counts once.",
                max_length=120,
            ),
        ),
    ]
