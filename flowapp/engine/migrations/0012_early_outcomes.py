"""Of an outcome it is known whether newer code recorded it before it came past what was recorded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0011_order_of_a_queue")]

    operations = [
        migrations.AddField(
            model_name="checkpoint",
            name="early",
            field=models.BooleanField(
                null=True,
                help_text="Whether it was recorded while calls recorded before had not been made; null is not known.",
            ),
        ),
    ]
