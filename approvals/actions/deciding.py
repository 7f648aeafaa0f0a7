"""The one way to decide a prompt: for the browser, the API, chat, mail and agents alike."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.actions import eligibility, keys
from approvals.actions.closing import close, outcome_of
from approvals.models import Decision, Prompt
from approvals.policies import answers, binding
from approvals.states import (
    AlreadyDecided,
    Expired,
    InvalidDecision,
    PromptCancelled,
    PromptNotFound,
    PromptStatus,
    Refused,
    StaleVersion,
)
from flowapp import audit
from flowapp.engine import clock, codec, runs
from flowapp.engine.errors import RunNotFound
from flowapp.tenancy.actors import Actor


def decide(
    prompt_id: UUID,
    *,
    by: Actor,
    outcome: str,
    reasoning: str = "",
    data: Any = None,
    version: int | None = None,
    channel: str,
) -> Decision:
    """Decide a prompt, once. The same person deciding the same again gets the decision that stands.

    Raises a subclass of Refused, after noting the attempt in the audit log; nothing else has changed then.
    """
    try:
        with transaction.atomic():
            prompt = _lock(prompt_id)
            standing = _standing(prompt, by=by, outcome=outcome, data=data)
            if standing:
                return standing
            _allow(prompt, by=by, version=version)
            answer = answers.fit(_question(prompt), outcome=outcome, reasoning=reasoning, data=data)
            return _decide(prompt, by=by, outcome=outcome, reasoning=reasoning, data=answer, channel=channel)
    except (InvalidDecision, PromptNotFound):
        raise
    except Refused as refused:
        _note_refusal(prompt_id, refused, by=by, outcome=outcome, channel=channel)
        raise


def _lock(prompt_id: UUID) -> Prompt:
    """Lock the run, then the prompt. Raises PromptNotFound."""
    run_id = Prompt.objects.filter(pk=prompt_id).values_list("run_id", flat=True).first()
    if run_id is None:
        raise PromptNotFound
    try:
        runs.lock(run_id)
    except RunNotFound:
        raise PromptNotFound from None
    return Prompt.objects.select_for_update().get(pk=prompt_id)


def _standing(prompt: Prompt, *, by: Actor, outcome: str, data: Any) -> Decision | None:
    """The decision that already ended the prompt, when this is the same again; None while it is pending."""
    if prompt.status == PromptStatus.PENDING:
        return None
    if prompt.status == PromptStatus.EXPIRED:
        raise Expired
    if prompt.status == PromptStatus.CANCELLED:
        raise PromptCancelled
    decision = Decision.objects.get(prompt=prompt, final=True)
    same_data = data is None or answers.normal(_question(prompt), data) == decision.data
    if _is_by(decision, by) and decision.outcome == outcome and same_data:
        return decision
    raise AlreadyDecided(decision.result())


def _is_by(decision: Decision, by: Actor) -> bool:
    """Whether the same person (through whatever channel or key), or the same agent, is back."""
    if by.member_id:
        return decision.member_id == by.member_id
    actor = decision.actor or {}
    return (actor.get("kind"), actor.get("id")) == (by.kind, by.id)


def _allow(prompt: Prompt, *, by: Actor, version: int | None) -> None:
    if refusal := eligibility.refusal(prompt, by=by):
        raise refusal
    if version is not None and version != prompt.version:
        raise StaleVersion(prompt.version)


def _question(prompt: Prompt) -> answers.Question:
    return answers.Question(
        type=prompt.type,
        outcomes=prompt.outcomes,
        schema=prompt.form_schema,
        payload=prompt.data,
        require_reason=bool(prompt.options.get("require_reason")),
    )


def _decide(prompt: Prompt, *, by: Actor, outcome: str, reasoning: str, data: Any, channel: str) -> Decision:
    now = clock.now()
    if not close(prompt, PromptStatus.DECIDED, now):
        raise StaleVersion(prompt.version)
    decision = Decision.objects.create(
        prompt=prompt,
        outcome=outcome,
        reasoning=reasoning.strip(),
        stored_data=None if data is None else codec.encode(data),
        actor=by.as_json(),
        member_id=by.member_id,
        key_id=by.key_id,
        at=now,
        channel=channel,
        payload_digest=shown_digest(prompt),
    )
    audit.record(
        by=by,
        verb="prompt.decided",
        target=f"prompt:{prompt.pk}",
        before={"status": PromptStatus.PENDING},
        after={"status": prompt.status, "outcome": outcome, "digest": decision.payload_digest},
        reason=decision.reasoning,
        channel=channel,
    )
    if not runs.resolve_wait(prompt.run_id, prompt.step_key, outcome_of(decision)):
        raise PromptCancelled
    return decision


def shown_digest(prompt: Prompt) -> str:
    """The digest of what the row shows now, which is what was decided on; the run compares it with what it runs."""
    question = binding.question(
        type=prompt.type,
        title=prompt.title,
        message=prompt.message,
        data=prompt.data,
        outcomes=prompt.outcome_values,
        schema=prompt.form_schema,
    )
    return keys.digest(prompt.workspace_id, prompt.run_id, prompt.name, question)


def _note_refusal(prompt_id: UUID, refused: Refused, *, by: Actor, outcome: str, channel: str) -> None:
    audit.record(
        by=by,
        verb="prompt.decision-refused",
        target=f"prompt:{prompt_id}",
        after={"outcome": outcome[:64], "refused": type(refused).__name__},
        reason=str(refused),
        channel=channel,
    )
