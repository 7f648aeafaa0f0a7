"""What the workspace's rules say of a prompt that is being opened, and the decision when one of them decides it."""

from __future__ import annotations

from uuid import UUID, uuid5

from django.db.models import F, Model

from approvals.actions.closing import digests, opening_digest, outcome_of
from approvals.models import Decision, PolicyVersion, Prompt
from approvals.policies import facts, rules
from approvals.policies.rules import Case, Rule, Verdict
from approvals.states import PromptStatus, PromptType
from flowapp import audit
from flowapp.engine import clock, codec
from flowapp.tenancy.actors import Actor

CHANNEL = "policy"


def in_force() -> dict[str, tuple[PolicyVersion, Rule]]:
    """The rules in force by their policies' ids, in the order in which they are looked at."""
    kept = PolicyVersion.objects.filter(policy__enabled=True, number=F("policy__number")).select_related("policy")
    rows = kept.order_by("policy__position", "policy_id")
    return {str(row.policy_id): (row, _rule(row)) for row in rows}


def rule(prompt: Prompt) -> list[Model]:
    """Have the rules in force look at an unsaved prompt, note what was looked at, and maybe decide it.

    The rows of the decision, to be inserted with the prompt; none when people are asked.
    """
    known = in_force()
    if not known:
        return []
    verdict = rules.judge([rule for _, rule in known.values()], facts_of(prompt), case_of(prompt))
    if not verdict.considered:
        return []
    prompt.options["policy"] = _noted(verdict)
    prompt.payload_digest = opening_digest(prompt)
    if not verdict.outcome or verdict.rule is None:
        return []
    return _decided(prompt, known[verdict.rule.id][0], verdict.rule)


def answer(prompt_id: UUID) -> bytes | None:
    """The answer that a rule gave to a prompt as it was opened, as the run reads it; None when people are asked."""
    given = Decision.objects.filter(prompt=prompt_id, channel=CHANNEL, final=True).select_related("prompt").first()
    return codec.encode(outcome_of(given)) if given else None


def facts_of(prompt: Prompt) -> dict[str, object]:
    """What rules may look at."""
    return facts.facts(
        workflow=prompt.workflow,
        prompt=prompt.name,
        type=prompt.type,
        risk=prompt.risk,
        data=prompt.data,
        options=prompt.options,
        requester=prompt.requester,
    )


def case_of(prompt: Prompt) -> Case:
    """What decides whether a rule may answer it."""
    return Case(
        type=prompt.type,
        outcomes=prompt.outcomes,
        risk=prompt.risk,
        options=prompt.options,
        several=prompt.wants_several,
    )


def _rule(row: PolicyVersion) -> Rule:
    return Rule(
        id=str(row.policy_id),
        name=row.policy.name,
        number=row.number,
        expression=row.expression,
        outcome=row.outcome,
        workflow=row.workflow,
        prompt=row.prompt,
        reason=row.reason,
    )


def _noted(verdict: Verdict) -> dict[str, object]:
    """What the prompt keeps of it: which versions were considered, which of them was true, and what it said."""
    rule = verdict.rule
    return {
        "considered": [[id, number] for id, number in verdict.considered],
        "rule": {"id": rule.id, "name": rule.name, "number": rule.number} if rule else None,
        "note": verdict.note,
    }


def _decided(prompt: Prompt, version: PolicyVersion, rule: Rule) -> list[Model]:
    now = clock.now()
    by = Actor("policy", rule.id, str(rule))
    # It was never open, so it counts in no report of how long deciding takes: `closed_after_s` stays empty.
    prompt.status, prompt.closed_at, prompt.due_at = PromptStatus.DECIDED, now, None
    stored = codec.encode(prompt.data) if prompt.type == PromptType.EDIT else None
    decision = Decision(
        id=uuid5(prompt.pk, "rule"),
        workspace_id=prompt.workspace_id,
        prompt=prompt,
        outcome=rule.outcome,
        reasoning=rule.reason or f"Decided by rule {rule}.",
        stored_data=stored,
        actor=by.as_json(),
        rule=version,
        at=now,
        channel=CHANNEL,
        stage=prompt.stage,
        version=prompt.version,
        **digests(prompt, outcome=rule.outcome, data=stored),
    )
    noted = audit.entry(
        by=by,
        verb="prompt.decided",
        target=f"prompt:{prompt.pk}",
        before={"status": PromptStatus.PENDING},
        after={
            "status": prompt.status,
            "outcome": rule.outcome,
            "digest": decision.payload_digest,
            "answer": decision.answer_digest,
            "policy": rule.id,
            "version": rule.number,
        },
        reason=decision.reasoning,
        channel=CHANNEL,
    )
    return [decision, noted]
