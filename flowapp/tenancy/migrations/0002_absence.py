"""Who is away, who stands in, and which days are free."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_initial")]
    operations = []
