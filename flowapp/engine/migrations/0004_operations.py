"""Search, bulk verbs, logs and retention."""

from itertools import islice

import django.db.models.deletion
import django.db.models.fields.json
import flowapp.tenancy.ids
from django.db import migrations, models


def find_runs_of_before(apps, schema_editor):
    """Runs that began before there were search terms are found by what their workflow declared, too."""
    from flowapp.engine.reading.search import spelled

    Run, SearchTerm = apps.get_model("engine", "Run"), apps.get_model("engine", "SearchTerm")
    rows = Run._base_manager.exclude(search={}).values_list("workspace_id", "id", "search").iterator(1000)
    terms = (
        SearchTerm(workspace_id=workspace_id, run_id=run_id, name=name[:100], value=spelled(value))
        for workspace_id, run_id, search in rows
        for name, value in search.items()
        if isinstance(value, (str, int, float)) and value != ""
    )
    while batch := list(islice(terms, 1000)):
        SearchTerm._base_manager.bulk_create(batch)


class Migration(migrations.Migration):
    dependencies = [("engine", "0003_flow_control"), ("tenancy", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='ArchivedRun',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('workflow', models.CharField(max_length=200)),
                ('status', models.CharField(max_length=20)),
                ('created_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('archived_at', models.DateTimeField()),
                ('document', models.BinaryField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='BulkJob',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('verb', models.CharField(max_length=20)),
                ('where', models.JSONField(default=dict)),
                ('reason', models.TextField(blank=True)),
                ('by', models.JSONField()),
                ('origin', models.JSONField(default=dict, help_text='Channel and request of who asked, for the audit log.')),
                ('status', models.CharField(default='running', max_length=20)),
                ('total', models.IntegerField()),
                ('succeeded', models.IntegerField(default=0)),
                ('refused', models.IntegerField(default=0)),
                ('cursor', models.UUIDField(null=True)),
                ('newest', models.UUIDField(null=True)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='BulkResult',
            fields=[
                ('pk', models.CompositePrimaryKey('job_id', 'run_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('job_id', models.UUIDField()),
                ('run_id', models.UUIDField()),
                ('done', models.BooleanField()),
                ('message', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='LogLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('run_id', models.UUIDField()),
                ('at', models.DateTimeField()),
                ('level', models.CharField(max_length=10)),
                ('logger', models.CharField(max_length=100)),
                ('step', models.CharField(blank=True, max_length=200)),
                ('occurrence', models.IntegerField(default=0)),
                ('attempt', models.IntegerField(default=0)),
                ('message', models.TextField()),
                ('fields', models.JSONField(default=dict)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('days', models.PositiveIntegerField(null=True)),
                ('archive', models.BooleanField(default=True, help_text='Keep one compressed document of each run.')),
                ('updated_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SearchTerm',
            fields=[
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='terms', to='engine.run')),
                ('pk', models.CompositePrimaryKey('run_id', 'name', blank=True, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('value', models.CharField(max_length=200)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='run',
            name='error_type',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.fields.json.KeyTextTransform('type', 'error'), output_field=models.TextField(null=True)),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('workspace'), models.F('workflow'), models.F('status'), models.OrderBy(models.F('id'), descending=True), name='run_by_both'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('workspace'), models.F('error_type'), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('error_type__isnull', False)), name='run_by_error'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('workspace'), models.F('ended_at'), condition=models.Q(('ended_at__isnull', False)), name='run_over'),
        ),
        migrations.AddField(
            model_name='archivedrun',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddField(
            model_name='bulkjob',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddField(
            model_name='bulkresult',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddField(
            model_name='logline',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddField(
            model_name='retention',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddField(
            model_name='searchterm',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.workspace'),
        ),
        migrations.AddIndex(
            model_name='archivedrun',
            index=models.Index(models.F('workspace'), models.OrderBy(models.F('id'), descending=True), name='archived_newest'),
        ),
        migrations.AddIndex(
            model_name='bulkjob',
            index=models.Index(models.F('id'), condition=models.Q(('status', 'running')), name='bulk_open'),
        ),
        migrations.AddIndex(
            model_name='bulkjob',
            index=models.Index(models.F('workspace'), models.OrderBy(models.F('id'), descending=True), name='bulk_newest'),
        ),
        migrations.AddIndex(
            model_name='bulkjob',
            index=models.Index(models.F('workspace'), models.F('updated_at'), name='bulk_changed'),
        ),
        migrations.AddConstraint(
            model_name='bulkjob',
            constraint=models.CheckConstraint(condition=models.Q(('verb__in', ('retry', 'cancel')), ('status__in', ('running', 'completed', 'stopped'))), name='bulk_words_known'),
        ),
        migrations.AddIndex(
            model_name='logline',
            index=models.Index(models.F('run_id'), models.F('id'), name='log_of_run'),
        ),
        migrations.AddConstraint(
            model_name='retention',
            constraint=models.UniqueConstraint(fields=('workspace',), name='retention_once_per_workspace'),
        ),
        migrations.AddIndex(
            model_name='searchterm',
            index=models.Index(models.F('workspace'), models.F('name'), models.F('value'), models.OrderBy(models.F('run'), descending=True), name='term_newest'),
        ),
        migrations.RunPython(find_runs_of_before, migrations.RunPython.noop),
    ]
