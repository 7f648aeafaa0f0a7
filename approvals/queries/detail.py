"""One prompt in full, pages of prompts, and what a run's prompts wait on. The workspace in scope only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from approvals import states
from approvals.models import Assignment, Attachment, Decision, Prompt, votes
from approvals.queries.paging import before_moment, moment_cursor
from approvals.states import Decider, PromptNotFound, PromptStatus
from flowapp.engine.queries import Page


@dataclass(frozen=True, slots=True)
class LineView:
    """One of those that a stage asks side by side; it has passed once enough of its people answered."""

    assign: list[str]
    quorum: int
    passed: bool


@dataclass(frozen=True, slots=True)
class PromptView:
    """A prompt as its readers see it; `data` is plain JSON, `assignees` are those who may decide (or could have)."""

    id: UUID
    run_id: UUID
    workflow: str
    name: str
    type: str
    title: str
    message: str
    data: Any
    outcomes: list[dict[str, Any]]
    schema: Any
    options: dict[str, Any]
    assignees: list[str]
    requester: Decider | None
    risk: str
    status: str
    version: int
    stage: int
    stages: int
    level: int
    claimed_by: Decider | None
    claimed_until: datetime | None
    created_at: datetime
    opened_at: datetime
    asked_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    timeout_s: float | None
    on_timeout: str
    quorum: int
    lines: list[LineView]
    votes: list[states.Vote[Any]]
    decision: states.Decision[Any] | None
    changes: list[dict[str, str]] = field(default_factory=list)

    @property
    def attachments(self) -> list[states.AttachmentInfo]:
        """The files that come along; each one's id follows from its name."""
        return [
            states.AttachmentInfo(id=uuid5(self.id, f"attachment:{about['name']}"), **about)
            for about in self.options.get("attachments", ())
        ]

    @property
    def warnings(self) -> list[str]:
        """What its readers must know: what became of whom it was put to, and what keeps it from being settled."""
        return [*self.options.get("notes", ()), *self.options.get("warnings", ())]

    @property
    def outcome_values(self) -> list[str]:
        """The outcomes one may choose, in the order asked."""
        return [outcome["value"] for outcome in self.outcomes]


def prompt_detail(prompt_id: UUID) -> PromptView:
    """One prompt in full. Raises PromptNotFound, for another workspace's prompt too."""
    prompt = Prompt.objects.filter(pk=prompt_id).first()
    if prompt is None:
        raise PromptNotFound
    unanswered = prompt.status == PromptStatus.PENDING and not prompt.takes_votes  # one answer would have ended it
    prefetch_related_objects([prompt], _asked(), *([] if unanswered else [_answers()]))
    return _view(prompt)


def prompts_of(prompt_ids: Collection[UUID], *, limit: int, **wanted: str) -> tuple[list[PromptView], int]:
    """The oldest of these prompts in full, as far as they are what is `wanted`, and how many there are of those."""
    rows = Prompt.objects.filter(pk__in=prompt_ids, **wanted).order_by("created_at", "id")
    chosen = list(rows.values_list("pk", flat=True))
    shown = _whole().filter(pk__in=chosen[:limit]).order_by("created_at", "id")
    return [_view(prompt) for prompt in shown], len(chosen)


def in_order(prompt_ids: Sequence[UUID]) -> list[PromptView]:
    """These prompts in full, in the order given; those of other workspaces are not there."""
    found = {prompt.pk: prompt for prompt in _whole().filter(pk__in=prompt_ids)}
    return [_view(found[pk]) for pk in prompt_ids if pk in found]


def attachment(prompt_id: UUID, attachment_id: UUID) -> Attachment:
    """A file with its content. Raises AttachmentNotFound, for another workspace's or prompt's file too."""
    found = Attachment.objects.filter(pk=attachment_id, prompt_id=prompt_id).first()
    if found is None:
        raise states.AttachmentNotFound
    return found


def prompt_page(
    *, status: str | None = None, run_id: UUID | None = None, cursor: str | None = None, limit: int = 50
) -> Page[PromptView]:
    """Prompts, newest first. Raises ValueError for a status or cursor that is not one of ours."""
    prompts = _whole().order_by("-created_at", "-id")
    if status:
        prompts = prompts.filter(status=PromptStatus(status))
    if run_id:
        prompts = prompts.filter(run_id=run_id)
    found = list(before_moment(prompts, "created_at", "id", cursor)[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return Page([_view(prompt) for prompt in found[:limit]], moment_cursor(last.created_at, last.pk) if last else None)


def similar(view: PromptView, *, limit: int = 3) -> list[Prompt]:
    """The last other prompts of the same place in the same workflow that people decided, each with its decision."""
    past = Prompt.objects.filter(workflow=view.workflow, name=view.name, status=PromptStatus.DECIDED)
    return list(
        past.exclude(pk=view.id)
        .order_by("-closed_at")
        .defer("payload", "message")
        .prefetch_related(_decisions())[:limit]
    )


def asked_of_run(run_id: UUID) -> dict[str, PromptView]:
    """The run's open prompts by "name#occurrence": who may decide them now, and by when."""
    pending = _whole().filter(run_id=run_id, status=PromptStatus.PENDING)
    return {prompt.step_key: _view(prompt) for prompt in pending}


def _whole() -> QuerySet[Prompt]:
    return Prompt.objects.prefetch_related(_asked(), _answers())


def _asked() -> Prefetch[str, QuerySet[Assignment], str]:
    return Prefetch("assignments", Assignment.objects.order_by("level", "kind", "value"), to_attr="asked")


def _answers() -> Prefetch[str, QuerySet[Decision], str]:
    return Prefetch("decisions", Decision.objects.order_by("at", "id"), to_attr="answers")


def _decisions() -> Prefetch[str, QuerySet[Decision], str]:
    return Prefetch("decisions", Decision.objects.filter(final=True), to_attr="ended_by")


def _view(prompt: Prompt) -> PromptView:
    asked: list[Assignment] = getattr(prompt, "asked", [])
    answers: list[Decision] = getattr(prompt, "answers", [])
    ended_by = next((answer for answer in answers if answer.final), None)
    claimant = states.decider(prompt.claimant)
    return PromptView(
        id=prompt.pk,
        run_id=prompt.run_id,
        workflow=prompt.workflow,
        name=prompt.name,
        type=prompt.type,
        title=prompt.title,
        message=prompt.message,
        data=prompt.data,
        outcomes=prompt.outcomes,
        schema=prompt.form_schema,
        options=prompt.options,
        assignees=_assignees(prompt, asked),
        requester=states.decider(prompt.requester),
        risk=prompt.risk,
        status=prompt.status,
        version=prompt.version,
        stage=prompt.stage,
        stages=prompt.stages,
        level=prompt.level,
        claimed_by=claimant,
        claimed_until=prompt.claimed_until if claimant else None,
        created_at=prompt.created_at,
        opened_at=prompt.opened_at,
        asked_at=prompt.asked_at,
        due_at=prompt.due_at,
        closed_at=prompt.closed_at,
        timeout_s=prompt.timeout_s,
        on_timeout=prompt.on_timeout,
        quorum=prompt.stage_at().quorum,
        lines=_lines(prompt, asked),
        votes=_votes([answer for answer in answers if not answer.timed_out]) if prompt.takes_votes else [],
        decision=ended_by.result() if ended_by else None,
        changes=ended_by.changes if ended_by else [],
    )


def _votes(answers: list[Decision]) -> list[states.Vote[Any]]:
    stand = {answer.pk for answer in votes.standing(answers)}
    return [answer.vote(superseded=answer.pk not in stand) for answer in answers]


def _assignees(prompt: Prompt, asked: list[Assignment]) -> list[str]:
    """Who may decide now, or could have when it ended; on a line that has passed nobody may any more."""
    open_ = prompt.status == PromptStatus.PENDING
    here = [one for one in asked if one.stage == prompt.stage and (one.active or not open_)]
    return list(dict.fromkeys(str(one) for one in here))


def _lines(prompt: Prompt, asked: list[Assignment]) -> list[LineView]:
    """The lines of the present stage, when it has several."""
    active = {one.line for one in asked if one.stage == prompt.stage and one.active}
    open_ = prompt.status == PromptStatus.PENDING
    lines = enumerate(prompt.stage_at().lines, start=1)
    return [LineView(list(line.assign), line.quorum, open_ and number not in active) for number, line in lines]
