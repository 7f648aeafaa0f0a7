"""The cron triggers in the code, and which of their schedules are due."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from . import registry
from .models import Schedule
from .registry import WorkflowDefinition
from .triggers import Cron


def declared() -> list[tuple[WorkflowDefinition[object, object], Cron]]:
    """Every cron trigger of the newest workflows."""
    return [
        (definition, trigger)
        for definition in registry.newest()
        for trigger in definition.triggers
        if isinstance(trigger, Cron)
    ]


def due(now: datetime) -> QuerySet[Schedule]:
    """The schedules of all workspaces whose slot has come, of the triggers that this process knows."""
    rows = Schedule.unscoped.filter(next_at__lte=now, enabled=True)
    known = [Q(workflow=one.name, expression=cron.expression, zone=cron.tz) for one, cron in declared()]
    return rows.filter(reduce(or_, known)) if known else rows.none()
