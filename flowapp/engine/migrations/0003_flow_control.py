"""Counters and lines of flow control."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("engine", "0002_fanout")]
    operations = []
