"""The table of queues that are read: how each does, as the workers that read it said last."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import ScopedModel


class QueueState(ScopedModel):
    """A queue whose messages become events of this workspace. `failing_since` is null while it can be read."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source = models.CharField(max_length=200, help_text="Its kind and name.")
    place = models.CharField(max_length=300, help_text="Host, port, and the database or virtual host there.")
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    told_at = models.DateTimeField(help_text="When a worker last said how it does.")

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["workspace", "source", "place"], name="queue_state_once"),)
        indexes = (models.Index(F("workspace"), condition=Q(failing_since__isnull=False), name="queue_state_failing"),)

    def __str__(self) -> str:
        return f"{self.source} at {self.place}"
