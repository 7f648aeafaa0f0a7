"""The engine's tables of flow control: what a limit counts, and the starts that became part of another run.

Lock order: a limit's row before the runs that stand under it; who holds a run asks for its limit after the commit only.
"""

from django.db import models
from django.db.models import F, Q

from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import ScopedModel


class Limit(ScopedModel):
    """What flow control keeps for one value of a workflow's key. Whoever counts here holds the row's lock.

    `id` follows from workspace, workflow and key. How many runs take up its concurrency is written nowhere: it is read
    under the lock from the runs themselves, so that no crash can leave a slot taken.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    workflow = models.CharField(max_length=200)
    rate_began = models.DateTimeField(null=True, help_text="Since when the rate gives starts back.")
    rate_count = models.IntegerField(default=0, help_text="The starts not given back yet.")
    next_at = models.DateTimeField(null=True, help_text="Before this moment throttle lets nobody start.")
    pending_id = models.UUIDField(null=True, help_text="The run whose start debounce still puts off.")
    pending_since = models.DateTimeField(null=True)
    pending_until = models.DateTimeField(null=True)
    collected = models.IntegerField(default=0, help_text="The items of the batch under way.")
    collected_bytes = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True, help_text="When time alone lets the next one start.")
    used_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        indexes = (
            models.Index(F("due_at"), condition=Q(due_at__isnull=False), name="limit_due"),
            models.Index(F("used_at"), name="limit_unused"),
        )


class Collected(ScopedModel):
    """A start that became part of another run: an item of a batch, or one of several of which debounce keeps the last.

    Its row stays a while, so that asking again with the same key counts no second time.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    id = models.BigAutoField(primary_key=True)
    limit_id = models.UUIDField()
    workflow = models.CharField(max_length=200)
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none given"
    request_hash = models.BinaryField()
    data = models.BinaryField(null=True, help_text="An item's, until its batch is a run.")
    run_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=["workspace", "workflow", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="collected_once",
            ),
        )
        indexes = (
            models.Index(F("limit_id"), F("id"), condition=Q(data__isnull=False), name="collected_items"),
            models.Index(F("created_at"), name="collected_by_age"),
        )
