"""What a map over many items needs: to find what is open of a run's waits, and what arrived, without reading the rest."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name='wait',
            index=models.Index(models.F('run_id'), condition=models.Q(('arrival__isnull', True)), name='wait_open'),
        ),
        migrations.AddIndex(
            model_name='wait',
            index=models.Index(models.F('run_id'), models.F('arrival'), condition=models.Q(('arrival__isnull', False)), name='wait_arrived'),
        ),
    ]
