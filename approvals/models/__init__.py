"""The approvals tables, each family in its own module. Add a module for a new one, and name its models here."""

from approvals.models.base import OfWorkspace
from approvals.models.inbox import Attachment, PromptWord, SavedFilter
from approvals.models.notices import Notice, NotificationSettings, SignedLink
from approvals.models.prompts import Assignment, Decision, Prompt
from approvals.models.rules import Policy, PolicyVersion

__all__ = [
    "Assignment",
    "Attachment",
    "Decision",
    "Notice",
    "NotificationSettings",
    "OfWorkspace",
    "Policy",
    "PolicyVersion",
    "Prompt",
    "PromptWord",
    "SavedFilter",
    "SignedLink",
]
