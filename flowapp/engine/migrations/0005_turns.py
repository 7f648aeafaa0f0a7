"""Workspaces take turns whatever their runs' priorities; schedules know when code last declared them; old events go."""

import flowapp.engine.clock
import django.db.models.functions.datetime
from django.db import migrations, models

from ._long import TAKES_LONG

EXPIRED_RANK = -1_000_000


def stand_in_line_by_turns(apps, schema_editor):
    """The rank of runs in line was their priority."""
    runs = apps.get_model("engine", "Run")._base_manager.filter(status="queued")
    runs.exclude(rank__in=(0, EXPIRED_RANK)).update(rank=0)


class Migration(migrations.Migration):
    dependencies = [("engine", "0004_operations")]

    operations = [
        TAKES_LONG,
        migrations.AddField(
            model_name='schedule',
            name='seen_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=flowapp.engine.clock.now, help_text='When code last declared it.'),
        ),
        migrations.AddField(
            model_name='run',
            name='overtaken',
            field=models.BooleanField(db_default=False, default=False, help_text='A run of higher priority took its turn: its place is no longer its own.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='priority',
            field=models.SmallIntegerField(default=0, help_text='Among the runs of its workspace, highest first.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='rank',
            field=models.IntegerField(default=0, help_text='Claim order, smallest first: runs of lost workers, then the others.'),
        ),
        migrations.AlterField(
            model_name='limit',
            name='rate_began',
            field=models.DateTimeField(help_text='Since when the rate gives starts back.', null=True),
        ),
        migrations.AlterField(
            model_name='limit',
            name='rate_count',
            field=models.IntegerField(default=0, help_text='The starts not given back yet.'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(models.F('workspace'), models.F('id'), name='event_oldest'),
        ),
        migrations.RunPython(stand_in_line_by_turns, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(models.F('workspace'), models.OrderBy(models.F('priority'), descending=True), models.F('id'), condition=models.Q(('held', False), ('status', 'queued'), models.Q(models.Q(('priority', 0), _negated=True), ('overtaken', True), _connector='OR')), name='run_ordered'),
        ),
    ]
