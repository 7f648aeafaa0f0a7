"""Saved filters, attachments, the words people search by, chosen orders, and what reports read."""

import django.db.models.deletion
import django.db.models.functions.text
import flowapp.tenancy.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_notifications")]

    operations = [
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('content_type', models.CharField(max_length=100)),
                ('digest', models.CharField(help_text='SHA-256 of the content, in hex; the question is bound to it.', max_length=64)),
                ('content', models.BinaryField()),
                ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='approvals.prompt')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PromptWord',
            fields=[
                ('pk', models.CompositePrimaryKey('prompt_id', 'word', blank=True, editable=False, primary_key=True, serialize=False)),
                ('word', models.BinaryField()),
                ('prompt', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='approvals.prompt')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('query', models.CharField(help_text="The page's query string: scope, q and sort, in this order.", max_length=500)),
                ('created_at', models.DateTimeField()),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.member')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='assignment',
            name='age_key',
            field=models.CharField(default='', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='assignment',
            name='amount_key',
            field=models.CharField(default='', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='assignment',
            name='due_key',
            field=models.CharField(default='', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='decision',
            name='changes',
            field=models.JSONField(default=list, help_text='What an edit changed: [{"label", "before", "after"}], masked.'),
        ),
        migrations.AddField(
            model_name='decision',
            name='took_s',
            field=models.FloatField(help_text='How long they had had it: since it was asked, or they claimed it.', null=True),
        ),
        migrations.AddField(
            model_name='prompt',
            name='age_key',
            field=models.CharField(default='', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='prompt',
            name='amount_key',
            field=models.CharField(default='', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='prompt',
            name='claimed_after_s',
            field=models.FloatField(help_text='How long it waited for its first claim.', null=True),
        ),
        migrations.AddField(
            model_name='prompt',
            name='closed_after_s',
            field=models.FloatField(help_text='How long it was open.', null=True),
        ),
        migrations.AddField(
            model_name='prompt',
            name='due_key',
            field=models.CharField(default='', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='prompt',
            name='search_text',
            field=models.TextField(default='', help_text='The words it is found by; see words.py.'),
        ),
        migrations.AlterField(
            model_name='assignment',
            name='queue_key',
            field=models.CharField(help_text='Overdue, then risk, then due, then age.', max_length=100),
        ),
        migrations.AlterField(
            model_name='prompt',
            name='queue_key',
            field=models.CharField(help_text='Overdue, then risk, then due, then age.', max_length=100),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(models.F('workspace'), models.F('target'), models.F('age_key'), models.F('prompt'), condition=models.Q(('active', True)), name='assigned_age'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(models.F('workspace'), models.F('target'), models.F('due_key'), models.F('prompt'), condition=models.Q(('active', True)), name='assigned_due'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(models.F('workspace'), models.F('target'), models.F('amount_key'), models.F('prompt'), condition=models.Q(('active', True)), name='assigned_amount'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(models.F('workspace'), models.F('at'), name='decision_by_time'),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(models.F('workspace'), models.F('age_key'), condition=models.Q(('status', 'pending'), ('pooled', True)), name='prompt_pool_age'),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(models.F('workspace'), models.F('due_key'), condition=models.Q(('status', 'pending'), ('pooled', True)), name='prompt_pool_due'),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(models.F('workspace'), models.F('amount_key'), condition=models.Q(('status', 'pending'), ('pooled', True)), name='prompt_pool_amount'),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(models.F('workspace'), models.F('closed_at'), condition=models.Q(('status', 'pending'), _negated=True), name='prompt_closed'),
        ),
        migrations.AddIndex(
            model_name='promptword',
            index=models.Index(models.F('workspace'), models.F('word'), models.F('prompt'), name='prompt_by_word'),
        ),
        migrations.AddConstraint(
            model_name='savedfilter',
            constraint=models.UniqueConstraint(models.F('member'), django.db.models.functions.text.Lower('name'), name='filter_name_once_per_member'),
        ),
    ]
