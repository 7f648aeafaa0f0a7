"""The one way to decide a prompt: for the browser, the API, chat, mail and agents alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.actions import announcing, eligibility, lines, locking, seats, staging, validators, voting
from approvals.actions.closing import close, digests, outcome_of
from approvals.models import Decision, Prompt
from approvals.policies import answers, ballot, claiming
from approvals.policies.changes import changes
from approvals.states import (
    NEGATIVE,
    AlreadyDecided,
    InvalidDecision,
    PromptCancelled,
    PromptNotFound,
    PromptStatus,
    PromptType,
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
            given = replace(given, by=_allow(prompt, by=by, version=version, second_factor_at=second_factor_at))
            validators.check(prompt, answers.fit(_question(prompt), outcome=outcome, reasoning=reasoning, data=data))
            return _take(prompt, given)
    except (InvalidDecision, PromptNotFound):
        raise
    except Refused as refused:
        note_refusal(prompt_id, refused, by=by, outcome=outcome, channel=channel)
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
    """The same vote of an open prompt. Without a version an earlier stage's counts too: a repeat is no new vote.

    One that another has replaced in its place stands no more, so saying it again is a new vote.
    """
    stands = {one.pk for one in seats.standing(prompt)}
    own = [one for one in voting.answers_of(prompt, given.by) if one.pk in stands]
    same = [one for one in own if (one.outcome, one.data) == (given.outcome, given.data)]
    here = {one.line for one in same if one.stage == prompt.stage}
    if here and not here.issuperset(lines.asked_on(prompt, given.by)):
        return None  # they are asked on another line beside it since
    return next((one for one in same if version in (None, one.version)), None)


def _allow(prompt: Prompt, *, by: Actor, version: int | None, second_factor_at: datetime | None) -> Actor:
    """Who answers: the actor, in whose place, when they stand in for somebody. Raises what keeps them from it."""
    refusal, absent = eligibility.standing(prompt, by=by, second_factor_at=second_factor_at)
    if refusal:
        raise refusal
    if version is not None and version != prompt.version:
        raise StaleVersion(prompt.version)
    return replace(by, on_behalf_of=absent) if absent else by


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
    if not prompt.takes_votes:
        return _end(prompt, given, [1])
    mine = lines.asked_on(prompt, given.by)
    before = voting.withdraw(prompt, given.by, mine)
    rejection = given.outcome in NEGATIVE
    if rejection and prompt.options.get("reject_ends", True):
        return _end(prompt, given, mine)
    settled = [number for number in mine if _settles(prompt, given, number)]
    passed = bool(settled) and set(lines.still_open(prompt)) == set(settled)
    # A line beside it may have been turned down before, while the others were still to be heard.
    turned_down = lines.rejected(prompt) if passed and not rejection else None
    if passed and (rejection or (turned_down is None and prompt.stage == prompt.stages)):
        return _end(prompt, given, mine)
    vote, *_ = [_answer(prompt, given, clock.now(), final=False, line=number) for number in mine]
    voting.note(prompt, vote, by=given.by, before=before)
    if turned_down is not None:
        _finish(prompt, turned_down, given)
    elif passed:
        staging.advance(prompt, by=given.by, channel=given.channel)
    elif settled:
        lines.close(prompt, settled)
    return vote


def _settles(prompt: Prompt, given: _Given, number: int) -> bool:
    quorum = prompt.stage_at().beside[number - 1].quorum
    others = voting.counted(prompt, number, beside=seats.seat_of(prompt, given.by, number))
    return ballot.settles(given.counted, others, quorum=quorum, at_once=False)


def _end(prompt: Prompt, given: _Given, mine: Sequence[int]) -> Decision:
    """End the prompt with this answer, which counts on each of these lines."""
    first, *more = mine
    decision = _answer(prompt, given, clock.now(), final=True, line=first)
    for number in more:
        _answer(prompt, given, decision.at, final=False, line=number)
    return _finish(prompt, decision, given)


def _finish(prompt: Prompt, decision: Decision, given: _Given) -> Decision:
    """End the prompt with an answer that was kept; `given` is the one that completed it."""
    if not close(prompt, PromptStatus.DECIDED, clock.now()):
        raise StaleVersion(prompt.version)
    if not decision.final:
        decision.final = True
        decision.save(update_fields=["final"])
    audit.record(
        by=given.by,
        verb="prompt.decided",
        target=f"prompt:{prompt.pk}",
        before={"status": PromptStatus.PENDING},
        after={
            "status": prompt.status,
            "outcome": decision.outcome,
            "digest": decision.payload_digest,
            "answer": decision.answer_digest,
            **({"changes": decision.changes} if decision.changes else {}),
        },
        reason=decision.reasoning,
        channel=given.channel,
    )
    if not runs.resolve_wait(prompt.run_id, prompt.step_key, outcome_of(decision)):
        raise PromptCancelled
    announcing.ended(prompt)
    return decision


def _answer(prompt: Prompt, given: _Given, now: datetime, *, final: bool, line: int) -> Decision:
    stored = None if given.data is None else codec.encode(given.data)
    return Decision.objects.create(
        prompt=prompt,
        outcome=given.outcome,
        reasoning=given.reasoning,
        stored_data=stored,
        actor=given.by.as_json(),
        member_id=given.by.member_id,
        key_id=given.by.key_id,
        at=now,
        channel=given.channel,
        final=final,
        stage=prompt.stage,
        line=line,
        seat=seats.seat_of(prompt, given.by, line) if prompt.takes_votes else seats.given(prompt, given.by),
        version=prompt.version,
        **digests(prompt, outcome=given.outcome, data=stored),
        changes=_changes(prompt, given),
        took_s=(now - _since(prompt, given.by)).total_seconds(),
    )


def _changes(prompt: Prompt, given: _Given) -> list[dict[str, str]]:
    """What an edit changed, as pages show it: kept, so that it reads the same whatever later code makes of the data."""
    if prompt.type != PromptType.EDIT or given.data is None:
        return []
    return [change.as_json() for change in changes(prompt.data, given.data)]


def _since(prompt: Prompt, by: Actor) -> datetime:
    """Since when they had it: since their stage was opened, or since they claimed it."""
    if prompt.claimed_by and prompt.claimed_until and claiming.same(prompt.claimed_by, by.as_json()):
        return max(prompt.opened_at, prompt.claimed_until - claiming.LASTS)
    return prompt.opened_at


def note_refusal(prompt_id: UUID, refused: Refused, *, by: Actor, outcome: str, channel: str) -> None:
    """Log an attempt that did not count."""
    audit.record(
        by=by,
        verb="prompt.decision-refused",
        target=f"prompt:{prompt_id}",
        after={"outcome": outcome[:64], "refused": type(refused).__name__},
        reason=str(refused),
        channel=channel,
    )
