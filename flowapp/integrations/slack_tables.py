"""The tables of Slack: which team a workspace is connected to, who is who there, and where its messages stand."""

from django.db import models

from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member, Workspace
from flowapp.tenancy.scope import ScopedModel


class SlackConnection(ScopedModel):
    """A workspace's Slack app in one team; its two secrets are sealed."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    team_id = models.CharField(max_length=40, unique=True)
    team_name = models.CharField(max_length=200)
    bot_user_id = models.CharField(max_length=40)
    bot_id = models.CharField(max_length=40, blank=True)
    bot_token = models.TextField(help_text="Sealed.")
    signing_secret = models.TextField(help_text="Sealed.")
    connected_at = models.DateTimeField()
    leaving_at = models.DateTimeField(null=True, help_text="Disconnected then; kept until no message has buttons.")

    def __str__(self) -> str:
        return self.team_name


class SlackUser(ScopedModel):
    """Which Slack account is which member: one each way."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.OneToOneField(Member, on_delete=models.CASCADE, related_name="+")
    slack_id = models.CharField(max_length=40)
    by_email = models.BooleanField(help_text="Found by their e-mail address; false when they linked it themselves.")
    linked_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["workspace", "slack_id"], name="slack_user_once"),)

    def __str__(self) -> str:
        return self.slack_id


class SlackMessage(ScopedModel):
    """What a member was sent about a subject, once posted; `busy_until` lets one thread at a time write it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.UUIDField(help_text="The prompt it shows.")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=40, blank=True)
    ts = models.CharField(max_length=40, blank=True, help_text="Slack's name for the message; empty until posted.")
    busy_until = models.DateTimeField(null=True)
    live = models.BooleanField(default=True, help_text="It shows buttons that decide.")

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["subject", "member"], name="slack_message_once"),)

    def __str__(self) -> str:
        return f"{self.channel}/{self.ts}"


class SlackLinkRequest(ScopedModel):
    """A member's wish to be known by a Slack account, until that account says yes: once, and not for long."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, db_index=False, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.OneToOneField(Member, on_delete=models.CASCADE, related_name="+")
    slack_id = models.CharField(max_length=40)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.slack_id
