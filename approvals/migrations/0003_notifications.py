"""Who is told of what, where and when."""

import django.db.models.deletion
import flowapp.tenancy.ids
from django.db import migrations, models


def workspace():
    return models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.workspace')


def id():
    return models.UUIDField(default=flowapp.tenancy.ids.uuid7, editable=False, primary_key=True, serialize=False)


def of(model):
    return models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=model)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_policies")]

    operations = [
        migrations.CreateModel(
            name='NotificationSettings',
            fields=[
                ('id', id()),
                ('choices', models.JSONField(default=dict, help_text='{kind: {"email": when, "slack": when}}')),
                ('digest_hour', models.PositiveSmallIntegerField(default=8)),
                ('zone', models.CharField(default='UTC', max_length=60)),
                ('member', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.member')),
                ('workspace', workspace()),
            ],
            options={'abstract': False},
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', id()),
                ('kind', models.CharField(max_length=20)),
                ('at', models.DateTimeField()),
                ('member', of('tenancy.member')),
                ('prompt', of('approvals.prompt')),
                ('workspace', workspace()),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('member', 'prompt', 'kind'), name='notice_once')],
            },
        ),
        migrations.CreateModel(
            name='SignedLink',
            fields=[
                ('id', id()),
                ('version', models.PositiveIntegerField()),
                ('payload_digest', models.CharField(max_length=64)),
                ('serial', models.PositiveIntegerField(default=1)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('used_outcome', models.CharField(blank=True, max_length=64)),
                ('prompt', of('approvals.prompt')),
                ('member', of('tenancy.member')),
                ('workspace', workspace()),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('prompt', 'member', 'version'), name='signed_link_once')],
            },
        ),
    ]
