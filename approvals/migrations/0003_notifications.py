"""Who is told of what, where and when."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_policies")]
    operations = []
