"""Bulk verbs, logs and retention."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("engine", "0003_flow_control")]
    operations = []
