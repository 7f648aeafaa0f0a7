"""Policies: rules that admins keep in the workspace, as versions that never change once they are written."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.db.models.functions import Lower

from approvals.models.base import OfWorkspace
from flowapp.tenancy.ids import uuid7


class Policy(OfWorkspace):
    """A rule by its name: whether it is in force, and which of its versions is. It is never deleted, only put away."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    position = models.PositiveIntegerField(help_text="Rules are looked at in this order; the first true one counts.")
    number = models.PositiveIntegerField(default=1, help_text="The version in force.")
    created_at = models.DateTimeField()

    class Meta(OfWorkspace.Meta):
        constraints = (models.UniqueConstraint("workspace", Lower("name"), name="policy_name_once"),)
        indexes = (models.Index(F("workspace"), F("position"), F("id"), name="policy_in_order"),)

    def __str__(self) -> str:
        return self.name


class PolicyVersion(OfWorkspace):
    """What a policy said from one save to the next. Rows are added, never changed: decisions name them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, db_index=False, related_name="versions")
    number = models.PositiveIntegerField()
    expression = models.TextField(help_text="CEL; true of the prompts that the rule is for.")
    outcome = models.CharField(max_length=64, help_text='What it decides; "ask" puts the prompt to people.')
    workflow = models.CharField(max_length=200, blank=True, help_text="Only prompts of this workflow; empty for all.")
    prompt = models.CharField(max_length=200, blank=True, help_text="Only prompts of this name; empty for all.")
    reason = models.TextField(blank=True, help_text="What its decisions give as their reason.")
    created_at = models.DateTimeField()
    author = models.JSONField(help_text="Who saved it.")

    class Meta(OfWorkspace.Meta):
        constraints = (models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once"),)

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"
