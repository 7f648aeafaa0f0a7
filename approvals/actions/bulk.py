"""Many prompts, one answer: each decided by itself through `decide`, with a result of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from approvals.actions.deciding import decide, note_refusal
from approvals.models import Prompt
from approvals.states import (
    NEGATIVE,
    AlreadyDecided,
    Decision,
    Expired,
    InvalidDecision,
    NotEligible,
    PromptCancelled,
    PromptNotFound,
    PromptStatus,
    PromptType,
    Refused,
    Risk,
    StaleVersion,
    StepUpRequired,
)
from flowapp.tenancy.actors import Actor

MOST: Final = 200  # prompts at once: each is a transaction, and somebody waits for them all
_HIGH_RISK: Final = "What is of high risk is decided one by one, after reading it."
_STEP_UP: Final = "It wants your second factor, so it is decided by itself."
_FORM: Final = "It asks for data of its own. Open it and fill in its form."


class Came(StrEnum):
    """What became of one prompt of many."""

    DECIDED = "decided"
    VOTED = "voted"
    ALREADY_DECIDED = "already-decided"
    NOT_ELIGIBLE = "not-eligible"
    NEEDS_FORM = "needs-form"
    HIGH_RISK = "high-risk"
    STALE = "stale-version"
    EXPIRED = "expired"
    NOT_FOUND = "not-found"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Result:
    """One prompt's own result: what it came to, in words, and the decision that counts, where there is one."""

    id: UUID
    title: str
    result: Came
    detail: str = ""
    decision: Decision[Any] | None = None

    @property
    def taken(self) -> bool:
        """Whether the answer counts."""
        return self.result in (Came.DECIDED, Came.VOTED)


def decide_many(
    prompts: Mapping[UUID, int | None], *, by: Actor, outcome: str, reasoning: str = "", channel: str
) -> list[Result]:
    """Give these prompts, by id with the version that was read, the same answer; a result for each, in their order.

    What is of high risk is refused, whatever the answer: no second factor goes for many (SECURITY 12). What wants
    data of its own can only be refused this way. Raises InvalidDecision for more than MOST.
    """
    if not 0 < len(prompts) <= MOST:
        raise InvalidDecision([{"field": "prompts", "msg": f"choose 1 to {MOST} prompts"}])
    asked = {prompt.pk: prompt for prompt in Prompt.objects.filter(pk__in=prompts).defer("payload", "message")}
    return [
        _one(asked.get(prompt_id), prompt_id, version, by=by, outcome=outcome, reasoning=reasoning, channel=channel)
        for prompt_id, version in prompts.items()
    ]


def _one(
    prompt: Prompt | None,
    prompt_id: UUID,
    version: int | None,
    *,
    by: Actor,
    outcome: str,
    reasoning: str,
    channel: str,
) -> Result:
    if prompt is None:
        return Result(prompt_id, "", Came.NOT_FOUND, str(PromptNotFound()))
    if alone := _alone(prompt, outcome):
        if alone.result == Came.HIGH_RISK:
            note_refusal(prompt.pk, StepUpRequired(alone.detail), by=by, outcome=outcome, channel=channel)
        return alone
    try:
        made = decide(prompt.pk, by=by, outcome=outcome, reasoning=reasoning, version=version, channel=channel)
    except Refused as error:
        decision = error.decision if isinstance(error, AlreadyDecided) else None
        return Result(prompt.pk, prompt.title, _came(error), _said(error), decision)
    if made.final:
        return Result(prompt.pk, prompt.title, Came.DECIDED, decision=made.result())
    return Result(prompt.pk, prompt.title, Came.VOTED, "Your vote counts; it waits for others.", made.result())


def _alone(prompt: Prompt, outcome: str) -> Result | None:
    """Why an open prompt cannot be decided along with others."""
    if prompt.status != PromptStatus.PENDING:
        return None
    if prompt.risk == Risk.HIGH:
        return Result(prompt.pk, prompt.title, Came.HIGH_RISK, _HIGH_RISK)
    if prompt.options.get("step_up"):
        return Result(prompt.pk, prompt.title, Came.HIGH_RISK, _STEP_UP)
    if _wants_data(prompt, outcome):
        return Result(prompt.pk, prompt.title, Came.NEEDS_FORM, _FORM)
    return None


def _wants_data(prompt: Prompt, outcome: str) -> bool:
    return outcome not in NEGATIVE and prompt.type in (PromptType.FORM, PromptType.CHOICE)


def _came(error: Refused) -> Came:
    kinds: Sequence[tuple[type[Refused], Came]] = (
        (AlreadyDecided, Came.ALREADY_DECIDED),
        (NotEligible, Came.NOT_ELIGIBLE),
        (StepUpRequired, Came.HIGH_RISK),
        (StaleVersion, Came.STALE),
        (Expired, Came.EXPIRED),
        (PromptCancelled, Came.EXPIRED),
        (PromptNotFound, Came.NOT_FOUND),
    )
    return next((came for kind, came in kinds if isinstance(error, kind)), Came.INVALID)


def _said(error: Refused) -> str:
    if isinstance(error, InvalidDecision):
        return " ".join(one["msg"][:1].upper() + one["msg"][1:] + "." for one in error.errors)
    return str(error)
