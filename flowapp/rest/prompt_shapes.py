"""What /v1/prompts answers: a prompt as lists hold it, and in full, with all that one who decides it needs to know."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from approvals import actions, queries
from approvals.models import Prompt as Row
from approvals.policies.answers import REASONS
from approvals.policies.consequences import consequences
from approvals.policies.escalation import chain_of
from approvals.policies.evidence import evidence
from approvals.queries import PromptView
from approvals.states import PromptStatus, PromptType, Risk
from flowapp.tenancy.actors import Actor

from .paging import Page
from .schemas import Out, Person, Requester


class Decision(Out):
    """How a prompt ended. `by` is null when nobody answered in time and the workflow names an outcome for that."""

    outcome: str
    reasoning: str
    data: Any
    by: Person | None
    at: datetime
    channel: str
    timed_out: bool


class Vote(Decision):
    """One answer of several that a prompt wants, and the stage (and line of it) it was given in."""

    stage: int
    line: int
    superseded: bool = Field(description="Another was given in its place since, and that one counts.")


class Attachment(Out):
    """A file that comes along; its content is at `/v1/prompts/{prompt_id}/attachments/{id}`."""

    id: UUID
    name: str
    content_type: str
    size: int
    digest: str = Field(description="SHA-256 of the content, in hex.")


class Line(Out):
    """One of those that a stage asks side by side; all of them have to pass."""

    assign: list[str]
    quorum: int
    passed: bool


class Prompt(Out):
    """A question a run puts to people, with exactly what is decided on."""

    id: UUID
    run_id: UUID
    workflow: str
    name: str
    type: PromptType
    title: str
    message: str
    data: Any
    outcomes: list[str] = Field(validation_alias="outcome_values")
    form: dict[str, Any] | None = Field(
        validation_alias="schema", description="JSON Schema of the decision's `data`; null when it takes none."
    )
    assignees: list[str]
    requester: Requester
    risk: Risk
    status: PromptStatus
    version: int
    stage: int = Field(description="Which of its stages is asked now, from 1.")
    stages: int
    quorum: int = Field(description="How many people must give the same answer at this stage.")
    lines: list[Line] = Field(description="What is asked side by side at this stage; empty when it asks one thing.")
    votes: list[Vote] = Field(description="Who answered what, where one answer is not enough.")
    warnings: list[str] = Field(description="Why it may never be decided, such as too few people for its quorum.")
    claimed_by: Person | None = Field(description="Who is looking at it; others may decide it all the same.")
    claimed_until: datetime | None
    attachments: list[Attachment] = Field(description="Files to read before deciding.")
    created_at: datetime
    due_at: datetime | None
    decision: Decision | None


class PromptPage(Page[Prompt]):
    """A page of prompts."""


class Outcome(Out):
    """An answer one may give: what its button says, and what it does."""

    value: str
    label: str
    effect: str
    tone: str
    needs_reason: bool


class Evidence(Out):
    """What the workflow gives to judge by; `url` is empty for what is no web address."""

    label: str
    url: str


class RuleVersion(Out):
    """A version of one of the workspace's policies."""

    id: UUID
    name: str
    number: int


class Ruling(BaseModel):
    """What the workspace's policies said as it opened: the `rule` that was true of it, and why people are asked."""

    rule: RuleVersion | None
    note: str
    considered: int


class Level(BaseModel):
    """Who is asked as well once nobody has decided for so many seconds since its stage was opened."""

    after_s: float
    assign: list[str]


class Consequence(BaseModel):
    """What follows from an answer, or from none: in words, then at which moment, and to whom it goes."""

    label: str
    text: str
    at: datetime | None = None
    to: list[str] = []


class Change(Out):
    """A value that an edit changed, in words; secrets are masked."""

    label: str
    before: str
    after: str


class Similar(BaseModel):
    """Another prompt of the same place in the same workflow, and how people decided it."""

    id: UUID
    title: str
    decision: Decision | None


class PromptInFull(Prompt):
    """A prompt with all that one who decides it needs to know."""

    outcome_details: list[Outcome] = Field(description="The `outcomes`, each with its words.")
    reasons: list[str] = Field(description="Reasons to choose from; any other text will do.")
    confidence: float | None = Field(description="How sure the workflow is, 0 to 1.")
    evidence: list[Evidence]
    ruling: Ruling | None = Field(description="Null when no policy looked at it.")
    reversible: bool | None = Field(description="Null when the workflow does not say.")
    four_eyes: bool = Field(description="Whoever asked for it cannot decide it.")
    require_reason: bool
    step_up: bool = Field(description="It wants a second factor, as what is of high risk always does: no key decides.")
    reject_ends: bool = Field(description="One rejection ends it, whatever the quorum.")
    calendar: str = Field(description="In whose working hours its times count; empty for any hour.")
    level: int = Field(description="How often its stage escalated.")
    escalation: list[Level]
    timeout_s: float | None
    on_timeout: str = Field(description="The outcome it expires with, `$escalate`, or empty: the run is told.")
    consequences: list[Consequence] = Field(description="Of each answer and of none; empty once it has ended.")
    changes: list[Change] = Field(description="What the edit that ended it changed.")
    similar: list[Similar] = Field(description="The last three like it that were decided.")
    may_decide: bool = Field(description="Whether you may, through this key or session.")
    why_not: str


def in_full(view: PromptView, *, viewer: Actor) -> PromptInFull:
    """The prompt as this reader sees it."""
    pending, options = view.status == PromptStatus.PENDING, view.options
    refusal = actions.why_not(view.id, by=viewer) if pending else None
    more = {
        "outcome_details": [_outcome(view, one) for one in view.outcomes],
        "reasons": list(REASONS),
        "confidence": options.get("confidence"),
        "evidence": evidence(options),
        "ruling": _ruling(options.get("policy")),
        "reversible": options.get("reversible"),
        **{name: bool(options.get(name)) for name in ("four_eyes", "require_reason", "step_up")},
        "reject_ends": bool(options.get("reject_ends", True)),
        "calendar": (options.get("calendar") or {}).get("name", ""),
        "level": view.level,
        "escalation": [{"after_s": after, "assign": to} for after, to in chain_of(view)],
        "timeout_s": view.timeout_s,
        "on_timeout": view.on_timeout,
        "consequences": consequences(view) if pending else [],
        "changes": view.changes,
        "similar": [_similar(row) for row in queries.similar(view)],
        "may_decide": pending and refusal is None,
        "why_not": str(refusal) if refusal else "" if pending else "It has ended.",
    }
    return PromptInFull.model_validate({**_short(view), **more})


def _short(view: PromptView) -> dict[str, Any]:
    """As it stands in lists, under the names that its shape reads."""
    shown = Prompt.model_validate(view)
    names = {name: str(field.validation_alias or name) for name, field in Prompt.model_fields.items()}
    return {alias: getattr(shown, name) for name, alias in names.items()}


def _outcome(view: PromptView, outcome: dict[str, Any]) -> dict[str, Any]:
    return {**outcome, "needs_reason": bool(outcome["needs_reason"] or view.options.get("require_reason"))}


def _ruling(kept: dict[str, Any] | None) -> dict[str, Any] | None:
    return {**kept, "considered": len(kept["considered"])} if kept else None


def _similar(row: Row) -> Similar:
    [*answers] = getattr(row, "ended_by", ())
    decision = Decision.model_validate(answers[0].result()) if answers else None
    return Similar(id=row.pk, title=row.title, decision=decision)
