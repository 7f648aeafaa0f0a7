"""Webhooks: those that come in, endpoints, and what was delivered either way."""

import django.db.models.deletion
import flowapp.tenancy.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0001_initial'),
        ('tenancy', '0002_absence'),
    ]

    operations = [
        migrations.CreateModel(
            name='InboundWebhook',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('secret', models.TextField(help_text='Sealed.')),
                ('old_secret', models.TextField(blank=True, help_text='Sealed.')),
                ('old_secret_until', models.DateTimeField(null=True)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('slug', models.SlugField(help_text='Its address is /hooks/<slug>.', max_length=64, unique=True)),
                ('event', models.CharField(help_text="The event's name; {type} is what the sender says happened.", max_length=200)),
                ('scheme', models.CharField(max_length=20)),
                ('header', models.CharField(blank=True, help_text='Of the scheme `plain`: where the signature is.', max_length=100)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='InboundDelivery',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('external_id', models.CharField(help_text='By which a repeat is known.', max_length=200)),
                ('kind', models.CharField(default='received', help_text='received, test or replay', max_length=10)),
                ('event_id', models.UUIDField()),
                ('event_name', models.CharField(max_length=200)),
                ('data', models.BinaryField(help_text="The event's data, packed.")),
                ('received_at', models.DateTimeField()),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='integrations.inboundwebhook')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('fact_id', models.CharField(max_length=200)),
                ('name', models.CharField(max_length=200)),
                ('body', models.BinaryField()),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=10)),
                ('rounds', models.PositiveIntegerField(default=1, help_text='1, and one more for each replay.')),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('answer', models.PositiveIntegerField(help_text="The last response's status.", null=True)),
                ('error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('took_ms', models.PositiveIntegerField()),
                ('status', models.PositiveIntegerField(help_text='Of the response; null when there was none.', null=True)),
                ('error', models.TextField(blank=True)),
                ('excerpt', models.TextField(blank=True, help_text="The beginning of the response's body.")),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='integrations.webhookdelivery')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('secret', models.TextField(help_text='Sealed.')),
                ('old_secret', models.TextField(blank=True, help_text='Sealed.')),
                ('old_secret_until', models.DateTimeField(null=True)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('url', models.CharField(max_length=2000)),
                ('events', models.JSONField(help_text='Patterns of names; * stands for anything.')),
                ('disabled_reason', models.TextField(blank=True, help_text='Why Flowapp itself disabled it.')),
                ('failing_since', models.DateTimeField(help_text='The first failure since the last success.', null=True)),
                ('misses', models.PositiveIntegerField(default=0, help_text='How often in a row it did not answer at all.')),
                ('quiet_until', models.DateTimeField(help_text='While it does not answer: when to knock again.', null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='endpoint',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='integrations.webhookendpoint'),
        ),
        migrations.AddIndex(
            model_name='inboundwebhook',
            index=models.Index(models.F('workspace'), models.OrderBy(models.F('id'), descending=True), name='inbound_newest'),
        ),
        migrations.AddIndex(
            model_name='inbounddelivery',
            index=models.Index(models.F('webhook'), models.OrderBy(models.F('id'), descending=True), name='inbound_delivery_newest'),
        ),
        migrations.AddIndex(
            model_name='inbounddelivery',
            index=models.Index(models.F('received_at'), name='inbound_delivery_age'),
        ),
        migrations.AddConstraint(
            model_name='inbounddelivery',
            constraint=models.UniqueConstraint(fields=('webhook', 'external_id'), name='inbound_delivery_once'),
        ),
        migrations.AddConstraint(
            model_name='inbounddelivery',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['received', 'test', 'replay'])), name='inbound_delivery_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='webhookattempt',
            constraint=models.UniqueConstraint(fields=('delivery', 'number'), name='webhook_attempt_once'),
        ),
        migrations.AddIndex(
            model_name='webhookendpoint',
            index=models.Index(models.F('workspace'), models.OrderBy(models.F('id'), descending=True), name='endpoint_newest'),
        ),
        migrations.AddIndex(
            model_name='webhookendpoint',
            index=models.Index(models.F('workspace'), condition=models.Q(('enabled', True)), name='endpoint_listening'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.OrderBy(models.F('id'), descending=True), name='webhook_delivery_newest'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('created_at'), name='webhook_delivery_age'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.UniqueConstraint(fields=('endpoint', 'fact_id'), name='webhook_delivery_once'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'delivered', 'failed'])), name='webhook_delivery_status_known'),
        ),
    ]
