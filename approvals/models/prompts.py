"""The approvals tables: prompts, whom they are put to, and how they ended.

Lock order: the run's row first, then its prompt, then the prompt's assignments and decisions.
Prompts carry their run's id without a foreign key: the engine's tables are its own.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import models
from django.db.models import F, Q

from approvals import states
from approvals.models.base import InLine, OfWorkspace
from approvals.states import PromptStatus, PromptType, Risk
from flowapp.engine import clock, codec
from flowapp.tenancy.ids import uuid7
from flowapp.tenancy.models import Member

PENDING: Final = Q(status=PromptStatus.PENDING.value)


class Prompt(InLine):
    """A question a run puts to people. `version` rises when what is asked changes, never otherwise."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run_id = models.UUIDField()
    step_key = models.CharField(max_length=250)
    workflow = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=20)
    title = models.TextField()
    message = models.TextField(blank=True)
    payload = models.BinaryField(help_text="What is decided on: canonical JSON behind a codec byte.")
    payload_digest = models.CharField(max_length=64)
    amount = models.CharField(max_length=60, blank=True, help_text="The payload's amount as lists show it.")
    outcomes = models.JSONField(help_text='[{"value", "label", "effect", "tone", "needs_reason"}]')
    form_schema = models.JSONField(null=True, help_text="JSON Schema of the decision's data; null when it has none.")
    options = models.JSONField(default=dict)
    requester = models.JSONField(null=True)
    risk = models.CharField(max_length=10, default=Risk.LOW.value)

    status = models.CharField(max_length=20, default=PromptStatus.PENDING.value)
    version = models.PositiveIntegerField(default=1)
    stage = models.PositiveSmallIntegerField(default=1, help_text="Which of its stages is asked now, from 1.")
    stages = models.PositiveSmallIntegerField(default=1)
    level = models.PositiveSmallIntegerField(default=0, help_text="How often its stage escalated.")
    claimed_by = models.JSONField(null=True, help_text="Who is looking at it, until `claimed_until`.")
    claimed_until = models.DateTimeField(null=True)
    pooled = models.BooleanField(default=False, help_text="Put to groups and roles only: nobody in particular has it.")
    search_text = models.TextField(default="", help_text="The words it is found by; see words.py.")

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    opened_at = models.DateTimeField(help_text="When its current stage was opened.")
    asked_at = models.DateTimeField(help_text="When its current level was asked.")
    due_at = models.DateTimeField(null=True, help_text="When something happens by itself: escalation or expiry.")
    closed_at = models.DateTimeField(null=True)
    claimed_after_s = models.FloatField(null=True, help_text="How long it waited for its first claim.")
    first_claimed_by = models.ForeignKey(
        Member,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        help_text="Whose claim that was.",
    )
    closed_after_s = models.FloatField(null=True, help_text="How long it was open.")
    timeout_s = models.FloatField(null=True)
    on_timeout = models.CharField(max_length=64, blank=True)

    class Meta(OfWorkspace.Meta):
        constraints = (
            models.UniqueConstraint(fields=["run_id", "step_key"], condition=PENDING, name="prompt_one_open_a_step"),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in PromptStatus]), name="prompt_status_known"
            ),
            models.CheckConstraint(condition=Q(type__in=[type.value for type in PromptType]), name="prompt_type_known"),
            models.CheckConstraint(condition=Q(risk__in=[risk.value for risk in Risk]), name="prompt_risk_known"),
            models.CheckConstraint(
                condition=PENDING & Q(closed_at__isnull=True) | ~PENDING & Q(closed_at__isnull=False),
                name="prompt_closed_has_time",
            ),
        )
        indexes = (
            models.Index(F("run_id"), name="prompt_of_run"),
            models.Index(F("workspace"), F("status"), F("created_at").desc(), F("id").desc(), name="prompt_by_status"),
            models.Index(F("workspace"), F("created_at").desc(), F("id").desc(), name="prompt_newest"),
            models.Index(F("workspace"), F("updated_at"), name="prompt_changed"),
            models.Index(F("workspace"), F("queue_key"), condition=PENDING & Q(pooled=True), name="prompt_pool"),
            models.Index(F("workspace"), F("age_key"), condition=PENDING & Q(pooled=True), name="prompt_pool_age"),
            models.Index(F("workspace"), F("due_key"), condition=PENDING & Q(pooled=True), name="prompt_pool_due"),
            models.Index(
                F("workspace"), F("amount_key"), condition=PENDING & Q(pooled=True), name="prompt_pool_amount"
            ),
            models.Index(F("workspace"), F("closed_at"), condition=~PENDING, name="prompt_closed"),
            models.Index(
                F("workspace"),
                F("workflow"),
                F("name"),
                F("closed_at").desc(),
                condition=Q(status=PromptStatus.DECIDED.value),
                name="prompt_similar",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def data(self) -> Any:
        """The payload as plain JSON data."""
        return codec.plain(bytes(self.payload))

    @property
    def outcome_values(self) -> list[str]:
        """The outcomes one may choose, in the order asked."""
        return [outcome["value"] for outcome in self.outcomes]

    @property
    def claimant(self) -> dict[str, Any] | None:
        """The actor whose claim holds now; a claim that ran out is nobody's."""
        holds = self.claimed_until is not None and self.claimed_until > clock.now()
        return self.claimed_by if holds and self.status == PromptStatus.PENDING else None

    @property
    def takes_votes(self) -> bool:
        """Whether one answer is not enough."""
        return self.stages > 1 or self.stage_at().several

    @property
    def policies(self) -> list[list[Any]]:
        """The [id, version] of each rule that was considered when it was opened."""
        found: list[list[Any]] = self.options.get("policy", {}).get("considered", [])
        return found

    @property
    def wants_several(self) -> bool:
        """Whether any of its stages wants more than one person, or there are several."""
        return self.stages > 1 or any(self.stage_at(number).several for number in range(1, self.stages + 1))

    def stage_at(self, number: int | None = None) -> states.Stage:
        """The present stage, or the one of this number, from 1."""
        kept = self.options.get("stages", ())
        return states.Stage.from_json(kept[(number or self.stage) - 1]) if kept else states.Stage(())


class Assignment(InLine):
    """One of those a prompt is put to. It carries the prompt's place, so that an inbox reads by one index."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="assignments")
    kind = models.CharField(max_length=10)
    value = models.CharField(max_length=254, help_text="As written: an e-mail address, or a name.")
    target = models.CharField(max_length=254, help_text="As matched: user:ID, group:ID, role:NAME or agent:NAME.")
    stage = models.PositiveSmallIntegerField(default=1, help_text="The stage it belongs to.")
    line = models.PositiveSmallIntegerField(default=1, help_text="Which of those side by side in its stage.")
    level = models.PositiveSmallIntegerField(default=0, help_text="The escalation that added it.")
    seat = models.CharField(
        max_length=120,
        default="",
        db_default="",
        blank=True,
        help_text="In whose place they are asked; empty: in their own.",
    )
    active = models.BooleanField(default=True, help_text="They may decide now: the prompt is open, and at this stage.")
    closed_at = models.DateTimeField(null=True)

    class Meta(OfWorkspace.Meta):
        constraints = (models.UniqueConstraint(fields=["prompt", "stage", "line", "target"], name="assignment_once"),)
        indexes = (
            models.Index(
                F("workspace"), F("target"), F("queue_key"), F("prompt"), condition=Q(active=True), name="assigned_open"
            ),
            models.Index(
                F("workspace"), F("target"), F("age_key"), F("prompt"), condition=Q(active=True), name="assigned_age"
            ),
            models.Index(
                F("workspace"), F("target"), F("due_key"), F("prompt"), condition=Q(active=True), name="assigned_due"
            ),
            models.Index(
                F("workspace"),
                F("target"),
                F("amount_key"),
                F("prompt"),
                condition=Q(active=True),
                name="assigned_amount",
            ),
            models.Index(
                F("workspace"),
                F("target"),
                F("closed_at").desc(),
                F("prompt").desc(),
                condition=Q(active=False),
                name="assigned_done",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class Decision(OfWorkspace):
    """An answer to a prompt: by whom, why, through which channel, on exactly which question.

    The final one ended the prompt; the others are votes towards a quorum, or ended a stage before the last.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="decisions")
    outcome = models.CharField(max_length=64)
    reasoning = models.TextField(blank=True)
    stored_data = models.BinaryField(null=True)
    actor = models.JSONField(null=True)
    member = models.ForeignKey(Member, on_delete=models.SET_NULL, null=True, related_name="+")
    key_id = models.UUIDField(null=True)
    rule = models.ForeignKey(
        "approvals.PolicyVersion", on_delete=models.PROTECT, null=True, db_index=False, related_name="decisions"
    )
    at = models.DateTimeField()
    channel = models.CharField(max_length=20)
    timed_out = models.BooleanField(default=False)
    final = models.BooleanField(default=True, help_text="It ended the prompt; a vote towards a quorum does not.")
    stage = models.PositiveSmallIntegerField(default=1)
    line = models.PositiveSmallIntegerField(default=1, help_text="Which of those side by side in its stage.")
    version = models.PositiveIntegerField(default=1, help_text="The prompt's version that was answered.")
    payload_digest = models.CharField(max_length=64)
    answer_digest = models.CharField(
        max_length=64, default="", db_default="", blank=True, help_text="Binds outcome and data to that question."
    )
    seat = models.CharField(
        max_length=120, default="", db_default="", blank=True, help_text="The place it was given in: each counts once."
    )
    changes = models.JSONField(default=list, help_text='What an edit changed: [{"label", "before", "after"}], masked.')
    took_s = models.FloatField(null=True, help_text="How long they had had it: since it was asked, or they claimed it.")

    class Meta(OfWorkspace.Meta):
        indexes = (
            models.Index(F("workspace"), F("at"), name="decision_by_time"),
            models.Index(F("rule"), F("at").desc(), condition=Q(rule__isnull=False), name="decision_by_rule"),
        )
        constraints = (
            models.UniqueConstraint(fields=["prompt"], condition=Q(final=True), name="decision_one_final"),
            models.UniqueConstraint(fields=["prompt", "stage", "line", "member"], name="decision_once_a_member"),
            models.CheckConstraint(condition=Q(timed_out=True) | Q(actor__isnull=False), name="decision_has_actor"),
        )

    def __str__(self) -> str:
        return f"{self.outcome} at {self.at:%Y-%m-%d %H:%M}"

    @property
    def data(self) -> Any:
        """What was chosen, filled in or edited, as plain JSON data."""
        return None if self.stored_data is None else codec.plain(bytes(self.stored_data))

    @property
    def by(self) -> states.Decider | None:
        """Who decided; None when a timeout did."""
        return states.decider(self.actor)

    @property
    def place(self) -> str:
        """The place it was given in; one from before places were kept is its giver's own."""
        actor = self.actor or {}
        return self.seat or str(self.member_id or f"{actor.get('kind')}:{actor.get('id')}")

    def vote(self, *, superseded: bool = False) -> states.Vote[Any]:
        """The answer as one of several: with the stage it was given in, and whether another took its place."""
        return states.Vote(
            outcome=self.outcome,
            reasoning=self.reasoning,
            data=self.data,
            by=self.by,
            at=self.at,
            channel=self.channel,
            stage=self.stage,
            line=self.line,
            superseded=superseded,
        )

    def result(self) -> states.Decision[Any]:
        """The decision as a value: what callers and the losers of a race are told."""
        return states.Decision(
            outcome=self.outcome,
            reasoning=self.reasoning,
            data=self.data,
            by=self.by,
            at=self.at,
            channel=self.channel,
            timed_out=self.timed_out,
        )
