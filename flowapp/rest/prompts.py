"""/v1/prompts: the questions runs put to people, and deciding them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from ninja.params import functions
from pydantic import BaseModel, Field

from approvals import actions, queries
from approvals.states import PromptStatus, PromptType, Risk
from approvals.views import downloads
from flowapp.http import second_factor
from flowapp.http.access import SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Out, Person, Requester, Text

router = Router(tags=["prompts"])
NO_BODY: Any = functions.Body(None)
_FILE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The file",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
}


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


class Answer(BaseModel):
    """A decision. With `version`, it counts only if the question is still the one that was read."""

    outcome: Text = Field(max_length=64)
    reasoning: Text = Field("", max_length=10_000)
    data: Any = None
    version: int | None = None


class Withdrawal(BaseModel):
    """Why a request is taken back."""

    reason: Text = Field("", max_length=10_000)


class Reassignment(BaseModel):
    """Whom to ask instead: `user:EMAIL`, `group:NAME`, `role:NAME`."""

    assign: list[Text] = Field(min_length=1, max_length=50)
    reason: Text = Field("", max_length=10_000)


class Chosen(BaseModel):
    """One of several prompts. With `version`, the answer counts only if the question is still the one that was read."""

    id: UUID
    version: int | None = None


class AnswerForAll(BaseModel):
    """One answer for several prompts; what wants data of its own, or is of high risk, is decided by itself."""

    prompts: list[Chosen] = Field(min_length=1, max_length=actions.MOST_AT_ONCE)
    outcome: Text = Field(max_length=64)
    reasoning: Text = Field("", max_length=10_000)


class Came(Out):
    """What became of one prompt. `decision` is the one that counts: yours, or whoever's was faster."""

    id: UUID
    title: str
    result: actions.Came
    detail: str = Field(description="Why it was not taken, in words.")
    decision: Decision | None


class CameAll(BaseModel):
    """A result for each prompt, in the order they were named, and how many took the answer."""

    taken: int
    results: list[Came]


@router.get("/prompts", response=PromptPage)
@access(SIGNED_IN)
def list_prompts(
    request: Request,
    status: PromptStatus | None = None,
    run_id: UUID | None = None,
    cursor: str | None = CURSOR,
    limit: int = LIMIT,
) -> PromptPage:
    """The workspace's prompts, newest first."""
    with reading(cursor):
        page = queries.prompt_page(status=status, run_id=run_id, cursor=cursor, limit=limit)
    return PromptPage(items=[Prompt.model_validate(view) for view in page.items], next=page.next)


@router.post("/prompts/complete", response=CameAll)
@access(SIGNED_IN)
def complete_prompts(request: Request, answer: AnswerForAll) -> CameAll:
    """Give several prompts the same answer. Each is decided by itself: some may be, others not, and each says which.

    Through a key only if it was granted `approvals:decide`. What is of high risk is never decided this way.
    """
    results = actions.decide_many(
        {one.id: one.version for one in answer.prompts},
        by=actor_of(request),
        outcome=answer.outcome,
        reasoning=answer.reasoning,
        channel="api",
    )
    return CameAll(
        taken=sum(result.taken for result in results), results=[Came.model_validate(result) for result in results]
    )


@router.get("/prompts/{prompt_id}", response=Prompt)
@access(SIGNED_IN)
def get_prompt(request: Request, prompt_id: UUID) -> Prompt:
    """One prompt."""
    return Prompt.model_validate(queries.prompt_detail(prompt_id))


@router.get("/prompts/{prompt_id}/attachments/{attachment_id}", openapi_extra=_FILE)
@access(SIGNED_IN)
def get_attachment(request: Request, prompt_id: UUID, attachment_id: UUID) -> HttpResponse:
    """The content of a file, to be saved, never to be shown in place."""
    return downloads.response(queries.attachment(prompt_id, attachment_id))


@router.post("/prompts/{prompt_id}/complete", response=Prompt)
@access(SIGNED_IN)
def complete_prompt(request: Request, prompt_id: UUID, answer: Answer) -> Prompt:
    """Decide a prompt, once; only its assignees may. Answers with the prompt and its decision.

    While more people are needed the prompt stays pending, and your answer stands among its `votes`.

    The same person deciding the same again gets the same answer; whoever comes second gets 409 and the decision
    that counts.
    """
    actions.decide(
        prompt_id,
        by=actor_of(request),
        outcome=answer.outcome,
        reasoning=answer.reasoning,
        data=answer.data,
        version=answer.version,
        channel="api",
        second_factor_at=second_factor.given_at(request),
    )
    return Prompt.model_validate(queries.prompt_detail(prompt_id))


@router.post("/prompts/{prompt_id}/claim", response=Prompt)
@access(SIGNED_IN)
def claim_prompt(request: Request, prompt_id: UUID) -> Prompt:
    """Say that you are looking at a prompt, for 15 minutes; only its assignees may. Others may still decide it."""
    actions.claim(prompt_id, by=actor_of(request), channel="api")
    return Prompt.model_validate(queries.prompt_detail(prompt_id))


@router.post("/prompts/{prompt_id}/release", response=Prompt)
@access(SIGNED_IN)
def release_prompt(request: Request, prompt_id: UUID) -> Prompt:
    """End a claim: your own, or as a manager, admin or owner anybody's."""
    actions.release(prompt_id, by=actor_of(request), channel="api")
    return Prompt.model_validate(queries.prompt_detail(prompt_id))


@router.post("/prompts/{prompt_id}/rescind", response=Prompt)
@access(SIGNED_IN)
def rescind_vote(request: Request, prompt_id: UUID) -> Prompt:
    """Take your vote back, while the prompt still waits for others at the same stage."""
    actions.rescind(prompt_id, by=actor_of(request), channel="api")
    return Prompt.model_validate(queries.prompt_detail(prompt_id))


@router.post("/prompts/{prompt_id}/reassign", response=Prompt)
@access(SIGNED_IN)
def reassign_prompt(request: Request, prompt_id: UUID, reassignment: Reassignment) -> Prompt:
    """Put a prompt to others. A manager, admin or owner replaces whom it asks; an assignee gives their own place away.

    Through a key only if it was granted `approvals:decide`. Whoever was not asked cannot put it to themselves.
    """
    actions.reassign(prompt_id, to=reassignment.assign, by=actor_of(request), reason=reassignment.reason, channel="api")
    return Prompt.model_validate(queries.prompt_detail(prompt_id))


@router.post("/prompts/{prompt_id}/withdraw", response=Prompt)
@access(SIGNED_IN)
def withdraw_prompt(request: Request, prompt_id: UUID, why: Withdrawal | None = NO_BODY) -> Prompt:
    """Take back what you asked for: the prompt is cancelled, and its run with it. Only the requester may."""
    actions.withdraw(prompt_id, by=actor_of(request), reason=why.reason if why else "", channel="api")
    return Prompt.model_validate(queries.prompt_detail(prompt_id))
