"""/v1/prompts: the questions runs put to people, and deciding them."""

import json
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from ninja.params import functions
from pydantic import BaseModel, BeforeValidator, Field

from approvals import actions, queries
from approvals.states import PromptStatus
from approvals.views import downloads
from flowapp.http import second_factor
from flowapp.http.access import SIGNED_IN, access
from flowapp.http.credentials import actor_of
from flowapp.http.problems import invalid
from flowapp.http.requests import Request

from .granted import granted
from .inbox import SCOPE, SEARCH, SORT, Scope, Sort, targets_of
from .paging import CURSOR, LIMIT, reading
from .prompt_shapes import Decision, Prompt, PromptInFull, PromptPage, in_full
from .schemas import Out, Text

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


def _as_sent(id: Any) -> str:
    return id if isinstance(id, str) else json.dumps(id)


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
    """One of several prompts. With `version`, the answer counts only if the question is still the one that was read.

    What is no prompt's id has a result of its own, so that it keeps the others from nothing.
    """

    id: Annotated[str, BeforeValidator(_as_sent)] = Field(json_schema_extra={"format": "uuid"})
    version: int | None = None

    @property
    def prompt_id(self) -> UUID | None:
        """Whose id it is; None for what cannot be one."""
        try:
            return UUID(self.id)
        except ValueError:
            return None


class AnswerForAll(BaseModel):
    """One answer for several prompts; what wants data of its own, or is of high risk, is decided by itself."""

    prompts: list[Chosen] = Field(min_length=1, max_length=actions.MOST_AT_ONCE)
    outcome: Text = Field(max_length=64)
    reasoning: Text = Field("", max_length=10_000)


class Came(Out):
    """What became of one prompt. `decision` is the one that counts: yours, or whoever's was faster."""

    id: str = Field(description="A prompt's id; what was sent, where that is none.")
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
    scope: Scope | None = SCOPE,
    search: str | None = SEARCH,
    sort: Sort | None = SORT,
    cursor: str | None = CURSOR,
    limit: int = LIMIT,
) -> PromptPage:
    """The workspace's prompts, newest first; with `scope`, what stands in your inbox, in its order.

    A page of a search may hold less than `limit` and still have a `next`.
    """
    if scope is not None:
        if status or run_id:
            raise invalid([{"loc": ["scope"], "msg": "an inbox has no status or run_id; leave out one or the other"}])
        targets = targets_of(request)
        with reading(cursor):
            page = queries.inbox_in_full(
                targets, scope=scope, query=search or "", sort=sort or "", cursor=cursor, limit=limit
            )
    elif search or sort:
        raise invalid([{"loc": ["scope"], "msg": f"say which inbox to look in: {', '.join(queries.SCOPES)}"}])
    else:
        with reading(cursor):
            page = queries.prompt_page(status=status, run_id=run_id, cursor=cursor, limit=limit)
    return PromptPage(items=[Prompt.model_validate(view) for view in page.items], next=page.next)


@router.post("/prompts/complete", response=CameAll)
@access(SIGNED_IN)
def complete_prompts(request: Request, answer: AnswerForAll) -> CameAll:
    """Give several prompts the same answer. Each is decided by itself: some may be, others not, and each says which.

    Through a key only if it was granted `approvals:decide`. What is of high risk is never decided this way.
    """
    chosen = {one.prompt_id or one.id: one.version for one in answer.prompts}
    known = {prompt_id: version for prompt_id, version in chosen.items() if isinstance(prompt_id, UUID)}
    results = _decided(request, known, answer) if known else []
    came = {result.id: _came(result) for result in results}
    return CameAll(
        taken=sum(result.taken for result in results),
        results=[came[id] if isinstance(id, UUID) else _no_id(id) for id in chosen],
    )


def _decided(request: Request, prompts: dict[UUID, int | None], answer: AnswerForAll) -> list[actions.Result]:
    return actions.decide_many(
        prompts, by=actor_of(request), outcome=answer.outcome, reasoning=answer.reasoning, channel="api"
    )


def _came(result: actions.Result) -> Came:
    return Came.model_validate(
        {
            "id": str(result.id),
            "title": result.title,
            "result": result.result,
            "detail": result.detail,
            "decision": result.decision,
        }
    )


def _no_id(id: str) -> Came:
    detail = "This is no prompt's id."
    return Came(id=id, title="", result=actions.Came.NOT_FOUND, detail=detail, decision=None)


@router.get("/prompts/{prompt_id}", response=PromptInFull)
@access(SIGNED_IN)
def get_prompt(request: Request, prompt_id: UUID) -> PromptInFull:
    """One prompt, with all that one who decides it needs to know: evidence, effects, rules, what happens by itself."""
    return in_full(queries.prompt_detail(prompt_id), viewer=actor_of(request))


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
    actions.release(prompt_id, by=granted(request), channel="api")
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
    actions.withdraw(prompt_id, by=granted(request), reason=why.reason if why else "", channel="api")
    return Prompt.model_validate(queries.prompt_detail(prompt_id))
