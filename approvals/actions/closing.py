"""What every end of a prompt has in common, whoever or whatever brought it about."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from approvals.actions import eligibility, keys
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Decision, Prompt
from approvals.policies import binding
from approvals.states import PromptStatus
from flowapp.engine import codec, signals
from flowapp.tenancy import queries as tenancy


def close(prompt: Prompt, status: PromptStatus, at: datetime) -> bool:
    """End a pending prompt: compare and set, so that it ends once. The run and the prompt are locked by the caller.

    Its timer stays: taking it away would lock against the sweeper, and it finds nothing to do when it fires.
    """
    still = Prompt.objects.filter(pk=prompt.pk, status=PromptStatus.PENDING, version=prompt.version)
    took = (at - prompt.created_at).total_seconds()
    if not still.update(status=status, closed_at=at, updated_at=at, closed_after_s=took):
        return False
    prompt.status, prompt.closed_at, prompt.updated_at, prompt.closed_after_s = status, at, at, took
    Assignment.objects.filter(prompt=prompt).update(active=False, closed_at=at)
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
    tell(prompt, News.ENDED)
    return True


def opening_digest(prompt: Prompt) -> str:
    """The digest of what an unsaved prompt asks. Of a row nobody gets one: it may have been changed."""
    return keys.digest(*_place(prompt), binding.question(_content(prompt), _terms(prompt)), prompt.policies)


def shown_digest(prompt: Prompt) -> str:
    """The digest of what the row shows now, which is what was decided on: its own, while that is what was opened.

    A prompt that was opened when only its content was bound keeps to that. That its row has the digest of just this
    content is the proof of it: no other prompt is given such a digest, and without the key nobody makes one.
    """
    content = _content(prompt)
    question = binding.question(content, _terms(prompt))
    workspace_id, run_id, _ = here = _place(prompt)
    opened = ((here, question), ((workspace_id, run_id, prompt.name), content))
    if any(keys.bound(prompt.payload_digest, *place, form, prompt.policies) for place, form in opened):
        return prompt.payload_digest
    return keys.digest(*here, binding.altered(question), prompt.policies)


def _place(prompt: Prompt) -> tuple[UUID, UUID, str]:
    return prompt.workspace_id, prompt.run_id, prompt.step_key


def _terms(prompt: Prompt) -> str:
    return binding.terms(
        outcomes=prompt.outcomes,
        risk=prompt.risk,
        options=prompt.options,
        stages=[prompt.stage_at(number) for number in range(1, prompt.stages + 1)],
        on_timeout=prompt.on_timeout,
    )


def _content(prompt: Prompt) -> bytes:
    return binding.content(
        type=prompt.type,
        title=prompt.title,
        message=prompt.message,
        data=prompt.data,
        outcomes=prompt.outcome_values,
        schema=prompt.form_schema,
        files=prompt.options.get("attachments", ()),
    )


def digests(prompt: Prompt, *, outcome: str, data: bytes | None = None) -> dict[str, str]:
    """What binds an answer, its data as it is stored, to what was shown: the digests that its decision carries."""
    asked = shown_digest(prompt)
    given = None if data is None else codec.plain(data)
    return {
        "payload_digest": asked,
        "answer_digest": keys.answer_digest(prompt, asked=asked, outcome=outcome, data=given),
    }


def outcome_of(decision: Decision) -> dict[str, object]:
    """The decision as it is handed to the run; `steps.py` turns it back into what the workflow sees."""
    return {
        "outcome": decision.outcome,
        "reasoning": decision.reasoning,
        "data": decision.data,
        "actor": decision.actor,
        "at": decision.at,
        "channel": decision.channel,
        "timed_out": decision.timed_out,
        "payload_digest": decision.payload_digest,
        "answer_digest": decision.answer_digest,
        "asked_digest": decision.prompt.payload_digest,
        "terms": _terms(decision.prompt),
        "policies": decision.prompt.policies,
        "voters": _voters(decision),
    }


def _voters(decision: Decision) -> list[str]:
    """Everybody who answered the prompt, over its stages: a later prompt may want others.

    With them, whose agent did, and in whose place: the absent, and who passed their place on.
    """
    given = [(decision.actor, decision.seat)]
    if decision.prompt.takes_votes:
        given += Decision.objects.filter(prompt=decision.prompt).values_list("actor", "seat")
    actors = [actor for actor, _ in given if actor]
    absent = [actor["on_behalf_of"] for actor in actors if actor.get("on_behalf_of")]
    people = {eligibility.person_behind(actor) for actor in actors} | {seat for _, seat in given if ":" not in seat}
    if absent:
        away = tenancy.members().filter(user__email__in=absent)  # also those who have left since
        people |= {str(pk) for pk in away.values_list("pk", flat=True)}
    return sorted(people - {""})
