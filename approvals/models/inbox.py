"""What inboxes add to prompts: the words they are found by, the filters members keep, the files that come along."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import F
from django.db.models.functions import Lower

from approvals.models.base import OfWorkspace
from approvals.models.prompts import Prompt
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member

LONGEST_NAME: Final = 60
LONGEST_VIEW: Final = 500


class PromptWord(OfWorkspace):
    """A word of a prompt that it is found by, in bytes: they have one order, whatever the database's language."""

    pk = models.CompositePrimaryKey("prompt_id", "word")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, db_index=False, related_name="+")
    word = models.BinaryField()

    class Meta(OfWorkspace.Meta):
        indexes = (models.Index(F("workspace"), F("word"), F("prompt"), name="prompt_by_word"),)

    def __str__(self) -> str:
        return bytes(self.word).decode()


class SavedFilter(OfWorkspace):
    """A view of the inbox that a member gave a name; nobody else sees it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, db_index=False, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.CharField(
        max_length=LONGEST_VIEW, help_text="The page's query string: scope, q and sort, in this order."
    )
    created_at = models.DateTimeField()

    class Meta(OfWorkspace.Meta):
        constraints = (models.UniqueConstraint("member", Lower("name"), name="filter_name_once_per_member"),)

    def __str__(self) -> str:
        return self.name


class Attachment(OfWorkspace):
    """A file that a prompt shows to those who decide. Its content is one row: `policies/files.py` bounds its size."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content, in hex; the question is bound to it.")
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.name
