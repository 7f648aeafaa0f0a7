"""What every approvals table has in common."""

from __future__ import annotations

from django.db import models

from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import ScopedModel


class OfWorkspace(ScopedModel):
    """A row whose indexes all begin with its workspace: one on the workspace alone would only mislead planners."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False, related_name="+")

    class Meta(ScopedModel.Meta):
        abstract = True


class InLine(OfWorkspace):
    """A row that lists are read by: it carries its place in each of the inbox's orders (policies/ordering.py)."""

    queue_key = models.CharField(max_length=100, help_text="Overdue, then risk, then due, then age.")
    age_key = models.CharField(max_length=60)
    due_key = models.CharField(max_length=60)
    amount_key = models.CharField(max_length=60)

    class Meta(OfWorkspace.Meta):
        abstract = True
