"""The outbox."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenancy', '0002_absence'),
    ]

    operations = [
        migrations.CreateModel(
            name='OutboxMessage',
            fields=[
                ('id', models.UUIDField(editable=False, help_text='Made of workspace, channel and key.', primary_key=True, serialize=False)),
                ('channel', models.CharField(help_text='Which sender delivers it.', max_length=40)),
                ('key', models.CharField(help_text='What it is, once in its workspace and channel.', max_length=200)),
                ('payload', models.JSONField(default=dict)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('sent', 'Sent'), ('dead', 'Dead')], default='pending', max_length=10)),
                ('due_at', models.DateTimeField(help_text='When it is to be tried next.')),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('first_tried_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(models.F('channel'), models.F('due_at'), condition=models.Q(('status', 'pending')), name='outbox_due'), models.Index(models.F('workspace'), models.F('status'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='outbox_newest'), models.Index(models.F('sent_at'), condition=models.Q(('status', 'sent')), name='outbox_sent')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'channel', 'key'), name='outbox_once'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'sent', 'dead'])), name='outbox_status_known')],
            },
        ),
    ]
