"""The engine's tables. Only queries.py reads them for others; store, arrivals, claims, runs and sweep write runs.

Lock order: a run's row first, then its waits and signals, then anything a room above keeps for them.
Rows that belong to a run carry its id without a foreign key: every write proves under the run's lock that the run
exists, and a trigger per checkpoint would cost more than the checkpoint.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from flowapp.engine import clock
from flowapp.engine.states import RunStatus
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import ScopedModel

from .limits import Collected, Limit
from .operations import ArchivedRun, BulkJob, BulkResult, LogLine, Retention, SearchTerm

__all__ = [  # of the other files; Django looks for tables in this module only
    "ArchivedRun",
    "BulkJob",
    "BulkResult",
    "Collected",
    "Limit",
    "LogLine",
    "Retention",
    "SearchTerm",
]

READY = Q(status="queued", held=False)  # in line to be claimed
ASKS = -1  # the `arrival` of a wait whose child needs a person: it stays open, and its outcome says why
UNANSWERED = Q(arrival__isnull=True) | Q(arrival=ASKS)
ORDERED = ~Q(priority=0) | Q(overtaken=True)  # whose place alone does not say when it is its turn


class OfRun(ScopedModel):
    """A row that belongs to one run, keyed by the step name and how often that name was used."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    run_id = models.UUIDField()
    name = models.CharField(max_length=200)
    occurrence = models.IntegerField()

    class Meta(ScopedModel.Meta):
        abstract = True


class Run(ScopedModel):
    """One execution of a workflow. `fence` rises with each change of owner; every write of the owner compares it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workflow = models.CharField(max_length=200)
    version = models.IntegerField(default=1)
    status = models.CharField(max_length=20, default=RunStatus.QUEUED)
    queue = models.CharField(max_length=100, default="default")

    rank = models.IntegerField(
        default=0, help_text="Claim order, smallest first: runs of lost workers, then the others."
    )
    vtime = models.BigIntegerField(default=0, help_text="Virtual time within the workspace, stamped when queued.")
    limit_id = models.UUIDField(null=True, help_text="The limit of flow control that it stands under.")
    held = models.BooleanField(default=False, help_text="Queued, and not in line: flow control keeps it back.")
    priority = models.SmallIntegerField(default=0, help_text="Among the runs of its workspace, highest first.")
    overtaken = models.BooleanField(
        default=False,
        db_default=False,
        help_text="A run of higher priority took its turn: its place is no longer its own.",
    )
    fence = models.BigIntegerField(default=0)
    worker_id = models.UUIDField(null=True)
    claims = models.IntegerField(default=0, help_text="Claims since the last progress; counts towards poison.")
    wake = models.BooleanField(default=False, help_text="Something arrived while a worker held the run.")
    pausing = models.BooleanField(default=False)

    input = models.BinaryField()
    output = models.BinaryField(null=True)
    error = models.JSONField(null=True)
    # Kept by the database, so that no writer of `error` has to; its NULL is "no error".
    error_type = models.GeneratedField(
        expression=KT("error__type"), output_field=models.TextField(null=True), db_persist=True
    )
    requester = models.JSONField(null=True)
    search = models.JSONField(default=dict)
    origin = models.JSONField(null=True, help_text="Of a fork: what it needs to draw as its original did (chance.py).")
    generation = models.IntegerField(default=0, help_text="How often the run continued as new.")
    parent_id = models.UUIDField(null=True)
    parent_wait = models.CharField(max_length=220, default="", blank=True)
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none given"
    request_hash = models.BinaryField(null=True)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=["workspace", "workflow", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="run_once_per_idempotency_key",
            ),
            models.CheckConstraint(condition=Q(status__in=[s.value for s in RunStatus]), name="run_status_known"),
        )
        indexes = (
            models.Index(F("queue"), F("rank"), F("vtime"), F("id"), condition=READY, name="run_ready"),
            models.Index(F("rank"), F("vtime"), F("id"), condition=READY, name="run_in_line"),
            models.Index(F("workspace"), F("vtime"), condition=READY, name="run_lane"),
            models.Index(F("vtime"), condition=READY, name="run_virtual_time"),
            models.Index(
                F("queue"),
                F("workspace"),
                F("priority").desc(),
                F("id"),
                condition=READY & ORDERED,
                name="run_ordered_in_queue",
            ),
            models.Index(F("worker_id"), condition=Q(status="running"), name="run_held"),
            models.Index(
                F("limit_id"),
                F("priority").desc(),
                F("id"),
                condition=Q(status="queued", held=True),
                name="run_held_back",
            ),
            models.Index(
                F("limit_id"),
                F("held"),
                F("status"),
                condition=Q(limit_id__isnull=False, ended_at__isnull=True),
                name="run_limited",
            ),
            models.Index(F("parent_id"), condition=Q(parent_id__isnull=False), name="run_parent"),
            models.Index(F("workspace"), F("id").desc(), name="run_newest"),
            models.Index(F("workspace"), F("status"), F("id").desc(), name="run_by_status"),
            models.Index(F("workspace"), F("workflow"), F("id").desc(), name="run_by_workflow"),
            models.Index(F("workspace"), F("updated_at"), name="run_changed"),
            models.Index(F("workspace"), F("workflow"), F("status"), F("id").desc(), name="run_by_both"),
            models.Index(
                F("workspace"),
                F("error_type"),
                F("id").desc(),
                condition=Q(error_type__isnull=False),
                name="run_by_error",
            ),
            models.Index(F("workspace"), F("ended_at"), condition=Q(ended_at__isnull=False), name="run_over"),
        )


class Checkpoint(OfRun):
    """The outcome of one step or wait, written once. `seq` is the order in which outcomes reached the workflow."""

    pk = models.CompositePrimaryKey("run_id", "name", "occurrence")
    seq = models.IntegerField()
    kind = models.CharField(max_length=20)
    status = models.CharField(max_length=20)
    args_hash = models.BinaryField()
    input = models.BinaryField(null=True)
    output = models.BinaryField(null=True)
    error = models.JSONField(null=True)
    attempts = models.IntegerField(default=1)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    fence = models.BigIntegerField()
    # Without a default: what processes insert that do not know it is not proof of anything.
    early = models.BooleanField(
        null=True,
        help_text="Whether it was recorded while calls recorded before had not been made; null is not known.",
    )


class Attempt(OfRun):
    """An attempt worth knowing before its step has an outcome: one that failed, or one that runs long."""

    pk = models.CompositePrimaryKey("run_id", "name", "occurrence", "number")
    number = models.IntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    args_hash = models.BinaryField()


class Wait(OfRun):
    """Something a run waits for. It goes when its checkpoint is written, so the table holds only what is open."""

    pk = models.CompositePrimaryKey("run_id", "name", "occurrence")
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=200, default="", blank=True)
    match = models.BinaryField(default=b"", blank=True, help_text="What a matching event must carry; empty: anything.")
    looked = models.BooleanField(default=True, help_text="Whether events that came before were looked at.")
    args_hash = models.BinaryField()
    detail = models.JSONField(default=dict)
    since = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    arrival = models.BigIntegerField(null=True)
    arrived_at = models.DateTimeField(null=True)
    outcome = models.BinaryField(null=True)

    class Meta(OfRun.Meta):
        indexes = (
            models.Index(F("due_at"), condition=Q(arrival__isnull=True, due_at__isnull=False), name="wait_due"),
            models.Index(
                F("workspace"),
                F("kind"),
                F("subject"),
                F("match"),
                condition=Q(arrival__isnull=True),
                name="wait_subject",
            ),
            models.Index(F("since"), condition=Q(looked=False), name="wait_to_look"),
            models.Index(F("run_id"), condition=Q(arrival__isnull=True), name="wait_open"),
            models.Index(F("run_id"), F("arrival"), condition=Q(arrival__isnull=False), name="wait_arrived"),
        )


class Signal(ScopedModel):
    """A named message to one run, kept in order until taken."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    id = models.BigAutoField(primary_key=True)
    run_id = models.UUIDField()
    name = models.CharField(max_length=200)
    data = models.BinaryField()
    sender = models.JSONField()
    created_at = models.DateTimeField()
    taken_by = models.CharField(max_length=220, default="", blank=True)

    class Meta(ScopedModel.Meta):
        indexes = (models.Index(F("run_id"), F("name"), F("id"), name="signal_fifo"),)


class Event(ScopedModel):
    """A named fact published to the workspace. `looked` turns true once the waits and triggers it meets were told."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    data = models.BinaryField()
    external_id = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none given"
    request_hash = models.BinaryField()
    sender = models.JSONField()
    created_at = models.DateTimeField()
    looked = models.BooleanField(default=False)
    found = models.JSONField(null=True, help_text="What it matched and what not, once it was looked at.")
    # With defaults in the database: while a deploy rolls, processes that do not know them insert, too.
    # No check of its sign: the database would read the whole table to add it.
    misses = models.IntegerField(default=0, db_default=0, help_text="How often looking at it failed.")
    look_at = models.DateTimeField(null=True, help_text="When to look next, after it failed.")
    trouble = models.TextField(blank=True, default="", db_default="", help_text="Why it failed last.")

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=["workspace", "external_id"], condition=Q(external_id__isnull=False), name="event_once"
            ),
        )
        indexes = (
            models.Index(F("workspace"), F("name"), F("id"), name="event_by_name"),
            models.Index(F("workspace"), F("id"), name="event_oldest"),
            models.Index(F("look_at"), F("id"), condition=Q(looked=False), name="event_to_look_at"),
        )


class EventKey(ScopedModel):
    """One (path, value) of an event's data, by which a wait's equality finds it."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    pk = models.CompositePrimaryKey("match", "event_id")
    match = models.BinaryField()
    event_id = models.UUIDField()


class EventTaken(ScopedModel):
    """An event that a run's wait took; the same run takes it no second time."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    pk = models.CompositePrimaryKey("run_id", "event_id")
    run_id = models.UUIDField()
    event_id = models.UUIDField()
    taken_by = models.CharField(max_length=220, default="")


class Lock(ScopedModel):
    """A durable lock that a run holds."""

    pk = models.CompositePrimaryKey("workspace_id", "key")
    key = models.CharField(max_length=200)
    run_id = models.UUIDField(db_index=True)
    wait = models.CharField(max_length=220, help_text="The wait of the run that it was granted to.")
    since = models.DateTimeField()


class Schedule(ScopedModel):
    """A cron trigger of a workflow in a workspace; a slot becomes a run exactly once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workflow = models.CharField(max_length=200)
    expression = models.CharField(max_length=100)
    zone = models.CharField(max_length=60, default="UTC")
    next_at = models.DateTimeField(db_index=True)
    enabled = models.BooleanField(default=True)
    # With a default in the database: while a deploy rolls, processes that do not know it insert, too.
    seen_at = models.DateTimeField(default=clock.now, db_default=Now(), help_text="When code last declared it.")

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=["workspace", "workflow", "expression", "zone"], name="schedule_once"),
        )


class Timer(ScopedModel):
    """A moment at which a room above the engine wants to be called, once, inside a transaction."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=100)
    due_at = models.DateTimeField(db_index=True)
    data = models.JSONField(default=dict)

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["workspace", "kind", "key"], name="timer_once"),)


class Worker(models.Model):
    """A process that executes runs. Its lease covers every run it holds; a lease that ran out never revives."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    token = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        help_text="Of its process, for its sessions' names; none once it stopped in order.",
    )
    queues = models.JSONField(default=list)
    knows = models.JSONField(default=list, db_default=[], help_text='The workflows it has, as "name@version".')
    concurrency = models.IntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    lease_until = models.DateTimeField(db_index=True)
    maps = models.JSONField(default=dict, db_default={}, help_text="What runs map here, as of the last heartbeat.")

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
