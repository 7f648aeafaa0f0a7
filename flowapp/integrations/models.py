"""The tables of the integrations: what is on its way out; the others' files are named here."""

from typing import Final

from django.db import models
from django.db.models import F, Q

from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import ScopedModel

from . import webhook_tables  # Django looks for tables in this module only
from .queue_tables import QueueState
from .slack_tables import SlackConnection, SlackLinkRequest, SlackMessage, SlackUser

__all__ = [
    "OutboxMessage",
    "OutboxStatus",
    "QueueState",
    "SlackConnection",
    "SlackLinkRequest",
    "SlackMessage",
    "SlackUser",
    "webhook_tables",
]


class OutboxStatus(models.TextChoices):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


_PENDING: Final = Q(status=OutboxStatus.PENDING.value)


class OutboxMessage(ScopedModel):
    """A message written together with what it tells of, and delivered at least once, always with the same id.

    While it is being sent, `due_at` is when its sender is taken for lost, and `attempts` is the fence: only who made
    the last attempt says how it went.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, editable=False, help_text="Made of workspace, channel and key.")
    channel = models.CharField(max_length=40, help_text="Which sender delivers it.")
    key = models.CharField(max_length=200, help_text="What it is, once in its workspace and channel.")
    # With a default in the database: while a deploy rolls, processes that do not know it insert, too.
    receiver = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="Which of the channel's it goes to."
    )
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=OutboxStatus, default=OutboxStatus.PENDING)
    due_at = models.DateTimeField(help_text="When it is to be tried next.")
    attempts = models.PositiveIntegerField(default=0)
    first_tried_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=["workspace", "channel", "key"], name="outbox_once"),
            models.CheckConstraint(condition=Q(status__in=OutboxStatus.values), name="outbox_status_known"),
        )
        indexes = (
            models.Index(F("channel"), F("due_at"), condition=_PENDING, name="outbox_due"),
            models.Index(
                F("channel"), F("workspace"), F("receiver"), F("due_at"), condition=_PENDING, name="outbox_line"
            ),
            models.Index(F("workspace"), F("status"), F("created_at").desc(), F("id").desc(), name="outbox_newest"),
            models.Index(F("workspace"), F("created_at").desc(), F("id").desc(), name="outbox_all"),
            models.Index(F("sent_at"), condition=Q(status=OutboxStatus.SENT.value), name="outbox_sent"),
        )

    def __str__(self) -> str:
        return f"{self.channel}:{self.key}"
