"""Who wants to be told of what and where, what a digest still has to tell, and the links that mails carry."""

from __future__ import annotations

from django.db import models

from approvals.models.base import OfWorkspace
from approvals.models.prompts import Prompt
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member


class NotificationSettings(OfWorkspace):
    """What a member chose; without a row the defaults hold (policies/notices.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.OneToOneField(Member, on_delete=models.CASCADE, related_name="+")
    choices = models.JSONField(default=dict, help_text='{kind: {"email": when, "slack": when}}')
    digest_hour = models.PositiveSmallIntegerField(default=8)
    zone = models.CharField(max_length=60, default="UTC")


class Notice(OfWorkspace):
    """Something that waits for a member's next digest."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()

    class Meta(OfWorkspace.Meta):
        constraints = (models.UniqueConstraint(fields=["member", "prompt", "kind"], name="notice_once"),)


class SignedLink(OfWorkspace):
    """The link by which one person may answer one prompt at one version, once, until it runs out.

    A newer mail raises `serial`, and with it the link in an older mail is no longer good.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    payload_digest = models.CharField(max_length=64)
    serial = models.PositiveIntegerField(default=1)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    used_outcome = models.CharField(max_length=64, blank=True)

    class Meta(OfWorkspace.Meta):
        constraints = (models.UniqueConstraint(fields=["prompt", "member", "version"], name="signed_link_once"),)
