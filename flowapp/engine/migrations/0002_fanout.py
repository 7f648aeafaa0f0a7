"""What a map over many items needs."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("engine", "0001_initial")]
    operations = []
