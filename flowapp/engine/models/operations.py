"""The engine's tables beside execution: what runs are found by, bulk verbs, log lines, retention, archived runs."""

from django.db import models
from django.db.models import F, Q

from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import ScopedModel


class SearchTerm(ScopedModel):
    """A value that people may find a run by: one of the fields its workflow declared with `search=`."""

    pk = models.CompositePrimaryKey("run_id", "name")
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    run = models.ForeignKey(
        "engine.Run", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="terms"
    )
    name = models.CharField(max_length=100)
    value = models.CharField(max_length=200)

    class Meta(ScopedModel.Meta):
        indexes = (models.Index(F("workspace"), F("name"), F("value"), F("run").desc(), name="term_newest"),)


class BulkJob(ScopedModel):
    """One verb on every run of a filter. `cursor` is the last run it came to; runs newer than `newest` are not its."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    verb = models.CharField(max_length=20)
    where = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    by = models.JSONField()
    origin = models.JSONField(default=dict, help_text="Channel and request of who asked, for the audit log.")
    status = models.CharField(max_length=20, default="running")
    total = models.IntegerField()
    succeeded = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    cursor = models.UUIDField(null=True)
    newest = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        constraints = (
            models.CheckConstraint(
                condition=Q(verb__in=("retry", "cancel")) & Q(status__in=("running", "completed", "stopped")),
                name="bulk_words_known",
            ),
        )
        indexes = (
            models.Index(F("id"), condition=Q(status="running"), name="bulk_open"),
            models.Index(F("workspace"), F("id").desc(), name="bulk_newest"),
            models.Index(F("workspace"), F("updated_at"), name="bulk_changed"),
        )


class BulkResult(ScopedModel):
    """What a bulk verb did to one run; written in the transaction that did it."""

    pk = models.CompositePrimaryKey("job_id", "run_id")
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    job_id = models.UUIDField()
    run_id = models.UUIDField()
    done = models.BooleanField()
    message = models.CharField(max_length=500, blank=True)


class LogLine(ScopedModel):
    """What a run's body or one of its steps logged."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    run_id = models.UUIDField()
    at = models.DateTimeField()
    level = models.CharField(max_length=10)
    logger = models.CharField(max_length=100)
    step = models.CharField(max_length=200, blank=True)
    occurrence = models.IntegerField(default=0)
    attempt = models.IntegerField(default=0)
    message = models.TextField()
    fields = models.JSONField(default=dict)

    class Meta(ScopedModel.Meta):
        indexes = (models.Index(F("run_id"), F("id"), name="log_of_run"),)


class Retention(ScopedModel):
    """A workspace's policy: what happens to runs that ended so many days ago. None: they stay."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    days = models.PositiveIntegerField(null=True)
    archive = models.BooleanField(default=True, help_text="Keep one compressed document of each run.")
    updated_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["workspace"], name="retention_once_per_workspace"),)


class ArchivedRun(ScopedModel):
    """A run that ended long ago, as one document: what its page showed."""

    id = models.UUIDField(primary_key=True, editable=False)
    workflow = models.CharField(max_length=200)
    status = models.CharField(max_length=20)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    archived_at = models.DateTimeField()
    document = models.BinaryField()

    class Meta(ScopedModel.Meta):
        indexes = (models.Index(F("workspace"), F("id").desc(), name="archived_newest"),)
