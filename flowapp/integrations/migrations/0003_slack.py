"""Slack: connections, accounts, messages."""

import django.db.models.deletion
import flowapp.tenancy.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0002_webhooks'),
        ('tenancy', '0002_absence'),
    ]

    operations = [
        migrations.CreateModel(
            name='SlackConnection',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('team_id', models.CharField(max_length=40, unique=True)),
                ('team_name', models.CharField(max_length=200)),
                ('bot_user_id', models.CharField(max_length=40)),
                ('bot_id', models.CharField(blank=True, max_length=40)),
                ('bot_token', models.TextField(help_text='Sealed.')),
                ('signing_secret', models.TextField(help_text='Sealed.')),
                ('connected_at', models.DateTimeField()),
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SlackMessage',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('subject', models.UUIDField(help_text='The prompt it shows.')),
                ('channel', models.CharField(blank=True, max_length=40)),
                ('ts', models.CharField(blank=True, help_text="Slack's name for the message; empty until posted.", max_length=40)),
                ('busy_until', models.DateTimeField(null=True)),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.member')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('subject', 'member'), name='slack_message_once')],
            },
        ),
        migrations.CreateModel(
            name='SlackUser',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('slack_id', models.CharField(max_length=40)),
                ('by_email', models.BooleanField(help_text='Found by their e-mail address; false when they linked it themselves.')),
                ('linked_at', models.DateTimeField()),
                ('member', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.member')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('workspace', 'slack_id'), name='slack_user_once')],
            },
        ),
    ]
