"""Slack: wishes to be linked, taking the buttons off when it is disconnected; the outbox in order of time."""

import django.db.models.deletion
import flowapp.tenancy.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0003_slack'),
        ('tenancy', '0002_absence'),
    ]

    operations = [
        migrations.CreateModel(
            name='SlackLinkRequest',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('slack_id', models.CharField(max_length=40)),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='slackconnection',
            name='leaving_at',
            field=models.DateTimeField(help_text='Disconnected then; kept until no message has buttons.', null=True),
        ),
        migrations.AddField(
            model_name='slackmessage',
            name='live',
            field=models.BooleanField(default=True, help_text='It shows buttons that decide.'),
        ),
        migrations.AddIndex(
            model_name='outboxmessage',
            index=models.Index(models.F('workspace'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='outbox_all'),
        ),
        migrations.AddField(
            model_name='slacklinkrequest',
            name='member',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.member'),
        ),
        migrations.AddField(
            model_name='slacklinkrequest',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace'),
        ),
    ]
