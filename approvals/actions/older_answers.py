"""Answers that runs recorded before answers were bound to their questions: a person has them bound, none binds itself.

Nothing tells such an answer from one that somebody slipped into the database without its binding, except the audit
log: only what that holds, unbroken, from before the first bound answer of its workspace is ever bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from approvals.actions import keys
from approvals.models import Decision
from flowapp import audit
from flowapp.audit import verifier
from flowapp.audit.models import AuditEntry
from flowapp.engine import outcomes
from flowapp.engine.outcomes import Recorded
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import current

BOUND: Final = "prompt.answer-bound"
_BROKEN: Final = "the audit log is not whole, so it vouches for nothing"
_UNKNOWN: Final = "it is not the answer that was kept with the prompt"
_FILLED_IN: Final = "what was filled in is in no log, so nothing vouches for it"
_UNLOGGED: Final = "the audit log does not hold it from before the first bound answer"


@dataclass(frozen=True, slots=True)
class Older:
    """A recorded answer without a binding: where, what it says, and why it cannot be bound, if so."""

    run_id: UUID
    step: str
    outcome: str
    title: str
    why_not: str


@dataclass(frozen=True, slots=True)
class _Found:
    record: Recorded
    decision: Decision | None
    why_not: str

    def told(self) -> Older:
        title = self.decision.prompt.title if self.decision else ""
        return Older(self.record.run_id, self.record.key, self.record.value["outcome"], title, self.why_not)


def look() -> list[Older]:
    """The older answers of the workspace in scope; nothing changes."""
    return [one.told() for one in _found()]


def bind(*, by: Actor) -> list[Older]:
    """Bind each that can be, to the question and the place it was given at, as the audit log then says.

    They are judged before anything is locked, which takes a while; what is written is what was judged.
    """
    found = list(_found())
    with transaction.atomic():
        for one in found:
            if one.decision is not None and not one.why_not:
                _bind(one.record, one.decision, by)
    return [one.told() for one in found]


def _bind(record: Recorded, decision: Decision, by: Actor) -> None:
    prompt, data = decision.prompt, record.value["data"]
    bound = keys.answer_digest(prompt, asked=decision.payload_digest, outcome=decision.outcome, data=data)
    outcomes.put_right(record, {**record.value, "answer_digest": bound})
    Decision.objects.filter(pk=decision.pk, answer_digest="").update(answer_digest=bound)
    after = {"run": str(record.run_id), "outcome": decision.outcome, "answer": bound}
    audit.record(by=by, verb=BOUND, target=f"prompt:{prompt.pk}", after=after, channel="cli")


def _found() -> Iterator[_Found]:
    until, whole = _first_bound(), None
    for record in outcomes.of_kind("prompt"):
        if record.value.get("expired") or record.value.get("answer_digest"):
            continue
        if whole is None:  # it takes a while, and most workspaces hold nothing older
            whole = verifier.verify(current()).ok
        decision = _decision(record)
        yield _Found(record, decision, _why_not(decision, until) if whole else _BROKEN)


def _why_not(decision: Decision | None, until: int | None) -> str:
    if decision is None:
        return _UNKNOWN
    if decision.data not in (None, decision.prompt.data):
        return _FILLED_IN
    return "" if _is_logged(decision, until) else _UNLOGGED


def _decision(record: Recorded) -> Decision | None:
    """The decision whose outcome this is; a fork took it over from the run that it was given to."""
    stored = record.value
    given = Decision.objects.filter(
        prompt__run_id__in=record.runs,
        prompt__step_key=record.key,
        prompt__payload_digest=stored["asked_digest"],
        payload_digest=stored["payload_digest"],
        final=True,
    )
    same = (
        one
        for one in given.select_related("prompt")
        if (one.outcome, one.data, one.actor) == (stored["outcome"], stored["data"], stored["actor"])
    )
    return next(same, None)


def _first_bound() -> int | None:
    """Where in the log the first bound answer stands; None while none is sealed."""
    bound = AuditEntry.objects.filter(target__startswith="prompt:", after__has_key="answer").exclude(seq=None)
    return bound.order_by("seq").values_list("seq", flat=True).first()


def _is_logged(decision: Decision, until: int | None) -> bool:
    verbs = ("prompt.expired",) if decision.timed_out else ("prompt.decided",)
    entries = AuditEntry.objects.filter(target=f"prompt:{decision.prompt_id}", verb__in=verbs).exclude(seq=None)
    if until is not None:
        entries = entries.filter(seq__lt=until)
    return any(_says(entry.after or {}, decision) for entry in entries)


def _says(after: dict[str, Any], decision: Decision) -> bool:
    """Whether a log entry is of this answer to this question; of one that nobody gave it names no question."""
    if after.get("outcome") != decision.outcome:
        return False
    return decision.timed_out or after.get("digest") == decision.payload_digest
