"""The one way to decide a prompt: for the browser, the API, chat, mail and agents alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.actions import eligibility, locking, staging, voting
from approvals.actions.closing import close, outcome_of, shown_digest
from approvals.models import Decision, Prompt
from approvals.policies import answers, ballot
from approvals.states import (
    AlreadyDecided,
    InvalidDecision,
    PromptCancelled,
    PromptNotFound,
    PromptStatus,
    Refused,
    StaleVersion,
)
from flowapp import audit
from flowapp.engine import clock, codec, runs
from flowapp.tenancy.actors import Actor


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer as it came, by whom and through which channel."""

    by: Actor
    channel: str
    outcome: str
    reasoning: str
    data: Any

    @property
    def counted(self) -> ballot.Answer:
        return ballot.answer(self.outcome, self.data)


def decide(
    prompt_id: UUID,
    *,
    by: Actor,
    outcome: str,
    reasoning: str = "",
    data: Any = None,
    version: int | None = None,
    channel: str,
    second_factor_at: datetime | None = None,
) -> Decision:
    """Answer a prompt: that decides it, once, or counts as a vote while more people are needed (`final` says which).

    The same person answering the same again gets the answer that stands. `second_factor_at` is when this session
    last gave its second factor. Raises a subclass of Refused, after noting the attempt in the audit log; nothing
    else has changed then.
    """
    try:
        with transaction.atomic():
            prompt = locking.locked(prompt_id)
            given = _Given(by, channel, outcome, reasoning.strip(), answers.normal(_question(prompt), data))
            standing = _standing(prompt, given, version=version, data=data)
            if standing:
                return standing
            _allow(prompt, by=by, version=version, second_factor_at=second_factor_at)
            answers.fit(_question(prompt), outcome=outcome, reasoning=reasoning, data=data)
            return _take(prompt, given)
    except (InvalidDecision, PromptNotFound):
        raise
    except Refused as refused:
        _note_refusal(prompt_id, refused, by=by, outcome=outcome, channel=channel)
        raise


def _standing(prompt: Prompt, given: _Given, *, version: int | None, data: Any) -> Decision | None:
    """What this actor answered before, when this is the same again; None for an answer that is new.

    Raises what ended the prompt otherwise.
    """
    locking.refuse_ended(prompt)
    if prompt.status == PromptStatus.PENDING:
        return _vote(prompt, given, version) if prompt.takes_votes else None
    final = locking.final(prompt)
    own = [one for one in voting.answers_of(prompt, given.by) if one.outcome == given.outcome == final.outcome]
    if any(data is None or one.data == given.data for one in own):
        return final
    raise AlreadyDecided(final.result())


def _vote(prompt: Prompt, given: _Given, version: int | None) -> Decision | None:
    """The same vote of an open prompt. Without a version an earlier stage's counts too: a repeat is no new vote."""
    own = voting.answers_of(prompt, given.by)
    same = (one for one in own if (one.outcome, one.data) == (given.outcome, given.data))
    return next((one for one in same if version in (None, one.version)), None)


def _allow(prompt: Prompt, *, by: Actor, version: int | None, second_factor_at: datetime | None) -> None:
    if refusal := eligibility.refusal(prompt, by=by, second_factor_at=second_factor_at):
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


def _take(prompt: Prompt, given: _Given) -> Decision:
    """Count the answer: it ends the prompt, or its stage, or is one vote of several."""
    votes = prompt.takes_votes
    before = voting.withdraw(prompt, given.by) if votes else None
    others = voting.counted(prompt) if votes else []
    rejection = ballot.is_rejection(given.outcome, prompt.outcomes)
    at_once = rejection and prompt.options.get("reject_ends", True)
    settled = ballot.settles(given.counted, others, quorum=prompt.stage_at().quorum, at_once=at_once)
    if settled and (rejection or prompt.stage == prompt.stages):
        return _end(prompt, given)
    vote = _answer(prompt, given, clock.now(), final=False)
    voting.note(prompt, vote, by=given.by, before=before)
    if settled:
        staging.advance(prompt, by=given.by, channel=given.channel)
    return vote


def _end(prompt: Prompt, given: _Given) -> Decision:
    now = clock.now()
    if not close(prompt, PromptStatus.DECIDED, now):
        raise StaleVersion(prompt.version)
    decision = _answer(prompt, given, now, final=True)
    audit.record(
        by=given.by,
        verb="prompt.decided",
        target=f"prompt:{prompt.pk}",
        before={"status": PromptStatus.PENDING},
        after={"status": prompt.status, "outcome": given.outcome, "digest": decision.payload_digest},
        reason=decision.reasoning,
        channel=given.channel,
    )
    if not runs.resolve_wait(prompt.run_id, prompt.step_key, outcome_of(decision)):
        raise PromptCancelled
    return decision


def _answer(prompt: Prompt, given: _Given, now: datetime, *, final: bool) -> Decision:
    return Decision.objects.create(
        prompt=prompt,
        outcome=given.outcome,
        reasoning=given.reasoning,
        stored_data=None if given.data is None else codec.encode(given.data),
        actor=given.by.as_json(),
        member_id=given.by.member_id,
        key_id=given.by.key_id,
        at=now,
        channel=given.channel,
        final=final,
        stage=prompt.stage,
        version=prompt.version,
        payload_digest=shown_digest(prompt),
    )


def _note_refusal(prompt_id: UUID, refused: Refused, *, by: Actor, outcome: str, channel: str) -> None:
    audit.record(
        by=by,
        verb="prompt.decision-refused",
        target=f"prompt:{prompt_id}",
        after={"outcome": outcome[:64], "refused": type(refused).__name__},
        reason=str(refused),
        channel=channel,
    )
