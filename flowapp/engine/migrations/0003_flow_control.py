"""Counters and lines of flow control."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0002_fanout")]
    operations = [
        migrations.CreateModel(
            name='Collected',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('limit_id', models.UUIDField()),
                ('workflow', models.CharField(max_length=200)),
                ('idempotency_key', models.CharField(max_length=200, null=True)),
                ('request_hash', models.BinaryField()),
                ('data', models.BinaryField(help_text="An item's, until its batch is a run.", null=True)),
                ('run_id', models.UUIDField(null=True)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Limit',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('workflow', models.CharField(max_length=200)),
                ('rate_began', models.DateTimeField(help_text='When the present period of the rate began.', null=True)),
                ('rate_count', models.IntegerField(default=0, help_text='The starts since then.')),
                ('next_at', models.DateTimeField(help_text='Before this moment throttle lets nobody start.', null=True)),
                ('pending_id', models.UUIDField(help_text='The run whose start debounce still puts off.', null=True)),
                ('pending_since', models.DateTimeField(null=True)),
                ('pending_until', models.DateTimeField(null=True)),
                ('collected', models.IntegerField(default=0, help_text='The items of the batch under way.')),
                ('collected_bytes', models.IntegerField(default=0)),
                ('due_at', models.DateTimeField(help_text='When time alone lets the next one start.', null=True)),
                ('used_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_ready',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_lane',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_virtual_time',
        ),
        migrations.AddField(
            model_name='run',
            name='held',
            field=models.BooleanField(default=False, help_text='Queued, and not in line: flow control keeps it back.'),
        ),
        migrations.AddField(
            model_name='run',
            name='limit_id',
            field=models.UUIDField(help_text='The limit of flow control that it stands under.', null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='priority',
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('queue'), models.F('rank'), models.F('vtime'), models.F('id'), condition=models.Q(('held', False), ('status', 'queued')), name='run_ready'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('workspace'), models.F('vtime'), condition=models.Q(('held', False), ('status', 'queued')), name='run_lane'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('vtime'), condition=models.Q(('held', False), ('status', 'queued')), name='run_virtual_time'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('limit_id'), models.OrderBy(models.F('priority'), descending=True), models.F('id'), condition=models.Q(('held', True), ('status', 'queued')), name='run_held_back'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('limit_id'), models.F('held'), models.F('status'), condition=models.Q(('ended_at__isnull', True), ('limit_id__isnull', False)), name='run_limited'),
        ),
        migrations.AddField(
            model_name='collected',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddField(
            model_name='limit',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddIndex(
            model_name='collected',
            index=models.Index(models.F('limit_id'), models.F('id'), condition=models.Q(('data__isnull', False)), name='collected_items'),
        ),
        migrations.AddIndex(
            model_name='collected',
            index=models.Index(models.F('created_at'), name='collected_by_age'),
        ),
        migrations.AddConstraint(
            model_name='collected',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('workspace', 'workflow', 'idempotency_key'), name='collected_once'),
        ),
        migrations.AddIndex(
            model_name='limit',
            index=models.Index(models.F('due_at'), condition=models.Q(('due_at__isnull', False)), name='limit_due'),
        ),
        migrations.AddIndex(
            model_name='limit',
            index=models.Index(models.F('used_at'), name='limit_unused'),
        ),
        migrations.AddField(
            model_name='event',
            name='found',
            field=models.JSONField(help_text='What it matched and what not, once it was looked at.', null=True),
        ),
    ]
