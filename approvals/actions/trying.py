"""A dry run: what a rule would have done to the last prompts it is about. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from approvals.actions import ruling
from approvals.models import Decision, Prompt
from approvals.policies import rules
from approvals.policies.rules import ASK, Rule
from approvals.queries import policies as queries
from approvals.states import Decider


@dataclass(frozen=True, slots=True)
class Differing:
    """A prompt that people decided otherwise than the rule would have."""

    id: UUID
    title: str
    at: datetime | None
    rule: str
    people: str
    by: Decider | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would have done to the last prompts it is about, had it stood alone."""

    prompts: int = 0
    decided: int = 0
    asked: int = 0
    failed: int = 0
    held_back: int = 0
    notes: list[str] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)


def trial(rule: Rule) -> Trial:
    """What this rule would have done to the last prompts that were decided and that it is about."""
    prompts = queries.last_decided(workflow=rule.workflow, prompt=rule.prompt)
    done = [(prompt, rules.judge([rule], ruling.facts_of(prompt), ruling.case_of(prompt))) for prompt in prompts]
    matched = [(prompt, verdict) for prompt, verdict in done if verdict.rule is not None]
    people = [(prompt, verdict) for prompt, verdict in matched if not verdict.outcome]
    asked = rule.outcome == ASK
    failed = [verdict.note for _, verdict in people if verdict.failed]
    held_back = [] if asked else [verdict.note for _, verdict in people if not verdict.failed]
    return Trial(
        prompts=len(prompts),
        decided=len(matched) - len(people),
        asked=len(people) - len(failed) if asked else 0,
        failed=len(failed),
        held_back=len(held_back),
        notes=list(dict.fromkeys([*held_back, *failed]))[:5],
        differing=[found for prompt, verdict in matched if (found := _differing(prompt, verdict.outcome))],
    )


def _differing(prompt: Prompt, outcome: str) -> Differing | None:
    """Only people's decisions are compared: an earlier rule's would say nothing."""
    ended_by: Decision = getattr(prompt, "ended_by")[0]  # noqa: B009 - a prefetch's attribute is unknown to types
    if not outcome or ended_by.rule_id is not None or ended_by.timed_out or ended_by.outcome == outcome:
        return None
    return Differing(prompt.pk, prompt.title, prompt.closed_at, outcome, ended_by.outcome, ended_by.by)
