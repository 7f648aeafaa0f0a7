"""A worker says which workflows it has."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0007_checkpoint_key")]

    operations = [
        migrations.AddField(
            model_name="worker",
            name="knows",
            field=models.JSONField(db_default=[], default=list, help_text='The workflows it has, as "name@version".'),
        ),
    ]
