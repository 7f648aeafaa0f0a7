"""Tenancy's tables: people, workspaces, who belongs where, and the keys that act for them."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from .ids import uuid7
from .scope import ScopedModel


class Role(models.TextChoices):
    """What a member may do in a workspace."""

    OWNER = "owner"
    ADMIN = "admin"
    MANAGER = "manager"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


class UserManager(BaseUserManager["User"]):
    """Makes people; their e-mail address is kept in lower case."""

    def create_user(self, email: str, password: str | None = None, *, name: str = "", **fields: Any) -> "User":
        """A new person; without a password they sign in through a reset link."""
        user = self.model(email=email.strip().lower(), name=name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who signs in by e-mail. Belongs to no workspace: memberships do."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower"),)

    def __str__(self) -> str:
        return self.name or self.email


class Workspace(models.Model):
    """The tenant: every row belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Member(ScopedModel):
    """A person in a workspace, with a role and the manager that questions escalate to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role, default=Role.VIEWER)
    manager = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="reports")
    created_at = models.DateTimeField(auto_now_add=True)

    manager_id: UUID | None

    class Meta(ScopedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=["workspace", "user"], name="member_once_per_workspace"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="member_role_known"),
            models.CheckConstraint(
                condition=models.Q(manager=None) | ~models.Q(manager=models.F("id")), name="member_not_own_manager"
            ),
        )

    def __str__(self) -> str:
        return str(self.user)


class Group(ScopedModel):
    """A named set of members, to assign work to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    members = models.ManyToManyField(Member, through="GroupMember", related_name="groups")

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint("workspace", Lower("name"), name="group_name_once_per_workspace"),)

    def __str__(self) -> str:
        return self.name


class GroupMember(ScopedModel):
    """One member's place in one group."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    group = models.ForeignKey(Group, on_delete=models.CASCADE)
    member = models.ForeignKey(Member, on_delete=models.CASCADE)

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["group", "member"], name="group_member_once"),)


class Agent(ScopedModel):
    """An AI teammate as far as tenancy knows it: a name of its own, and the member who answers for it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63, help_text="As agent:NAME says it: a-z, 0-9 and hyphens.")
    owner = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="agents")
    most_open = models.PositiveIntegerField(default=20, help_text="Prompts of its runs that may wait at a time.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    owner_id: UUID

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint(fields=["workspace", "name"], name="agent_name_once"),)

    def __str__(self) -> str:
        return self.name


class ApiKey(ScopedModel):
    """A key that acts as its member or agent, or without either as the workspace itself. Only its digest is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=40, help_text="The part of the key that may be shown.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the whole key, in hex.")
    scopes = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    member_id: UUID | None
    agent_id: UUID | None

    class Meta(ScopedModel.Meta):
        constraints = (models.CheckConstraint(condition=Q(member=None) | Q(agent=None), name="key_acts_as_one"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Absence(ScopedModel):
    """A member is away for a while, and another stands in: what is put to them is put to the other as well."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="absences")
    substitute = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="stands_in", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    member_id: UUID
    substitute_id: UUID

    class Meta(ScopedModel.Meta):
        constraints = (
            models.CheckConstraint(
                condition=models.Q(ends_at__gte=models.F("starts_at")), name="absence_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=~models.Q(member=models.F("substitute")), name="absence_somebody_else_stands_in"
            ),
        )
        indexes = (models.Index(fields=["substitute", "ends_at"], name="absence_stood_in"),)


class Calendar(ScopedModel):
    """When people work: prompts that name it count their times in these hours."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    zone = models.CharField(max_length=60, help_text="The time zone of its hours, such as Europe/Berlin.")
    hours = models.JSONField(help_text='{"monday": ["09:00-17:00"], …}; a weekday without is free.')
    country = models.CharField(max_length=2, blank=True, help_text="Its public holidays are free; empty for none.")
    region = models.CharField(max_length=20, blank=True, help_text="Of the country, where holidays differ.")
    free = models.JSONField(default=list, blank=True, help_text='Days off of one\'s own: ["2026-12-24"].')

    class Meta(ScopedModel.Meta):
        constraints = (models.UniqueConstraint("workspace", Lower("name"), name="calendar_name_once"),)

    def __str__(self) -> str:
        return self.name
