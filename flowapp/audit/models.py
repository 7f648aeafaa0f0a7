"""The log's tables. The database itself refuses to change or delete an entry (see guards.py)."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.scope import ScopedModel


class AuditEntry(ScopedModel):
    """One thing somebody did. `seq`, `prev_hash` and `hash` are empty until the sealer links the entry."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=320)
    actor_label = models.CharField(max_length=320)
    member_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    on_behalf_of = models.CharField(max_length=320, blank=True)
    verb = models.CharField(max_length=100)
    target = models.CharField(max_length=320)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    reason = models.TextField(blank=True)
    channel = models.CharField(max_length=40, blank=True)
    request_id = models.CharField(max_length=100, blank=True)
    seq = models.BigIntegerField(null=True)
    prev_hash = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is "not sealed yet"
    hash = models.CharField(max_length=64, null=True)  # noqa: DJ001

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=["workspace", "seq"], name="audit_seq_once_per_workspace"),
            models.CheckConstraint(
                condition=models.Q(seq=None, prev_hash=None, hash=None)
                | models.Q(seq__gt=0, prev_hash__isnull=False, hash__isnull=False),
                name="audit_sealed_whole",
            ),
        )
        indexes = (
            models.Index(fields=["workspace", "-id"], name="audit_newest"),
            models.Index(fields=["workspace", "target", "-id"], name="audit_of_target"),
            models.Index(fields=["workspace", "id"], condition=models.Q(seq=None), name="audit_unsealed"),
        )

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb} {self.target}"


class AuditSeal(ScopedModel):
    """The signed end of a workspace's chain: how long it is and its last hash. One row a workspace."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)
    at = models.DateTimeField()
    public_key = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["workspace"], name="audit_one_seal_per_workspace"),)
