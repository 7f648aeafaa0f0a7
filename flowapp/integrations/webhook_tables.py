"""The tables of webhooks: those that come in, the endpoints that facts go out to, and what was delivered either way."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import ScopedModel
from flowapp.tenancy.secrets import Place, seal, unseal


class Signed(ScopedModel):
    """What shares a secret with another service. While the secret is being rotated, the old one counts as well."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    secret = models.TextField(help_text="Sealed.")
    old_secret = models.TextField(blank=True, help_text="Sealed.")
    old_secret_until = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        abstract = True

    def take_secret(self, text: str) -> None:
        """Keep this secret, and no other."""
        self.secret, self.old_secret, self.old_secret_until = self._sealed("secret", text), "", None

    def rotate_secret(self, text: str, *, old_until: datetime) -> None:
        """Keep this secret, and the one before until then."""
        before = self.secrets(old_until)[0]
        self.take_secret(text)
        self.old_secret, self.old_secret_until = self._sealed("old_secret", before), old_until

    def secrets(self, now: datetime) -> list[str]:
        """The secrets that count now, the newest first. Raises Unreadable."""
        kept = [unseal(self.secret, self._place("secret"))]
        if self.old_secret and self.old_secret_until and self.old_secret_until > now:
            kept.append(unseal(self.old_secret, self._place("old_secret")))
        return kept

    def _sealed(self, field: str, text: str) -> str:
        return seal(text, self._place(field))

    def _place(self, field: str) -> Place:
        return Place(self._meta.db_table, self.pk, field)


class InboundWebhook(Signed):
    """An address at which another service tells us things; each becomes an event."""

    slug = models.SlugField(max_length=64, unique=True, help_text="Its address is /hooks/<slug>.")
    event = models.CharField(max_length=200, help_text="The event's name; {type} is what the sender says happened.")
    scheme = models.CharField(max_length=20)
    header = models.CharField(max_length=100, blank=True, help_text="Of the scheme `plain`: where the signature is.")

    class Meta(Signed.Meta):
        indexes = (models.Index(F("workspace"), F("id").desc(), name="inbound_newest"),)

    def __str__(self) -> str:
        return self.name


class InboundDelivery(ScopedModel):
    """A request that was accepted, and the event it became."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = models.ForeignKey(InboundWebhook, on_delete=models.CASCADE, db_index=False, related_name="deliveries")
    external_id = models.CharField(max_length=200, help_text="By which a repeat is known.")
    kind = models.CharField(max_length=10, default="received", help_text="received, test or replay")
    event_id = models.UUIDField()
    event_name = models.CharField(max_length=200)
    data = models.BinaryField(help_text="The event's data, packed.")
    received_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=["webhook", "external_id"], name="inbound_delivery_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["received", "test", "replay"]), name="inbound_delivery_kind_known"
            ),
        )
        indexes = (
            models.Index(F("webhook"), F("id").desc(), name="inbound_delivery_newest"),
            models.Index(F("received_at"), name="inbound_delivery_age"),
        )


class WebhookEndpoint(Signed):
    """An address of another service that wants to hear of events and of what happens to runs and prompts."""

    url = models.CharField(max_length=2000)
    events = models.JSONField(help_text="Patterns of names; * stands for anything.")
    disabled_reason = models.TextField(blank=True, help_text="Why Flowapp itself disabled it.")
    failing_since = models.DateTimeField(null=True, help_text="The first failure since the last success.")
    misses = models.PositiveIntegerField(default=0, help_text="How often in a row it did not answer at all.")
    quiet_until = models.DateTimeField(null=True, help_text="While it does not answer: when to knock again.")

    class Meta(Signed.Meta):
        indexes = (
            models.Index(F("workspace"), F("id").desc(), name="endpoint_newest"),
            models.Index(F("workspace"), condition=Q(enabled=True), name="endpoint_listening"),
        )

    def __str__(self) -> str:
        return self.name


class DeliveryStatus(models.TextChoices):
    """How it stands with something sent to an endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(ScopedModel):
    """One fact for one endpoint: the very bytes that are sent, and how that went."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, db_index=False, related_name="deliveries")
    fact_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    body = models.BinaryField()
    status = models.CharField(max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    rounds = models.PositiveIntegerField(default=1, help_text="1, and one more for each replay.")
    attempts = models.PositiveIntegerField(default=0)
    answer = models.PositiveIntegerField(null=True, help_text="The last response's status.")
    error = models.TextField(blank=True)
    # With a default in the database: while a deploy rolls, processes that do not know it insert, too.
    hops = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Which webhook of Flowapp in a row it goes to, if it goes to one."
    )
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    next_try_at: datetime | None = None  # no column: when its message in the outbox is due; queries.py fills it in

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=["endpoint", "fact_id"], name="webhook_delivery_once"),
            models.CheckConstraint(condition=Q(status__in=DeliveryStatus.values), name="webhook_delivery_status_known"),
        )
        indexes = (
            models.Index(F("endpoint"), F("id").desc(), name="webhook_delivery_newest"),
            models.Index(F("created_at"), name="webhook_delivery_age"),
        )


class WebhookAttempt(ScopedModel):
    """One request to an endpoint and what came back."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    status = models.PositiveIntegerField(null=True, help_text="Of the response; null when there was none.")
    error = models.TextField(blank=True)
    excerpt = models.TextField(blank=True, help_text="The beginning of the response's body.")

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_once"),)
