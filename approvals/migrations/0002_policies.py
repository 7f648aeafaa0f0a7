"""Policies kept in the workspace, and what they decided."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]
    operations = []
