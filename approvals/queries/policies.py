"""Policies as admins read them, and the prompts that a rule is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import F, OuterRef, Prefetch, Q, QuerySet, Subquery

from approvals import states
from approvals.models import Decision, Policy, PolicyVersion, Prompt
from approvals.states import Decider, PolicyNotFound, PromptStatus
from flowapp.engine.queries import Page

TRIED_ON: Final = 100  # prompts


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version, as it was saved."""

    number: int
    expression: str
    outcome: str
    workflow: str
    prompt: str
    reason: str
    created_at: datetime
    author: Decider | None


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy with the version in force. `position` counts from 1."""

    id: UUID
    name: str
    enabled: bool
    position: int
    created_at: datetime
    last_decided_at: datetime | None
    current: VersionView


def policy_page(*, cursor: str | None = None, limit: int = 50) -> Page[PolicyView]:
    """The policies in the order in which they are looked at. Raises ValueError for a cursor that is not one of ours."""
    policies = _whole()
    if cursor:
        position, _, last_id = cursor.partition("~")
        same = Q(position=int(position), pk__gt=UUID(last_id))
        policies = policies.filter(Q(position__gt=int(position)) | same)
    found = list(policies[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return Page([_view(policy) for policy in found[:limit]], f"{last.position}~{last.pk}" if last else None)


def policy_detail(policy_id: UUID) -> PolicyView:
    """One policy. Raises PolicyNotFound, for another workspace's too."""
    policy = _whole().filter(pk=policy_id).first()
    if policy is None:
        raise PolicyNotFound
    return _view(policy)


def version_page(policy_id: UUID, *, cursor: str | None = None, limit: int = 50) -> Page[VersionView]:
    """The versions of a policy, newest first. Raises PolicyNotFound, ValueError."""
    versions = PolicyVersion.objects.filter(policy=policy_id).order_by("-number")
    if cursor:
        versions = versions.filter(number__lt=int(cursor))
    found = list(versions[: limit + 1])
    if not found and not Policy.objects.filter(pk=policy_id).exists():
        raise PolicyNotFound
    following = str(found[limit - 1].number) if len(found) > limit else None
    return Page([_version(version) for version in found[:limit]], following)


def samples(*, workflow: str = "", prompt: str = "") -> list[Prompt]:
    """The last prompts in a scope, newest first: their names, outcomes and payloads."""
    return list(_within(Prompt.objects.only("name", "outcomes", "payload"), workflow, prompt)[:TRIED_ON])


def has_asked(workflow: str) -> bool:
    """Whether a workflow of this name ever asked anything, though no code here may know it now."""
    return Prompt.objects.filter(workflow=workflow).exists()


def last_decided(*, workflow: str = "", prompt: str = "") -> list[Prompt]:
    """The last prompts in a scope that were decided, each with the decision that ended it as `ended_by`."""
    ended_by = Prefetch("decisions", Decision.objects.filter(final=True), to_attr="ended_by")
    decided = Prompt.objects.filter(status=PromptStatus.DECIDED).defer("message", "form_schema")
    return list(_within(decided, workflow, prompt).prefetch_related(ended_by)[:TRIED_ON])


def _within(prompts: QuerySet[Prompt], workflow: str, prompt: str) -> QuerySet[Prompt]:
    if workflow:
        prompts = prompts.filter(workflow=workflow)
    if prompt:
        prompts = prompts.filter(name=prompt)
    # Each of these orders has an index behind it.
    return prompts.order_by("-closed_at") if workflow and prompt else prompts.order_by("-created_at", "-id")


def _whole() -> QuerySet[Policy]:
    last = Decision.objects.filter(rule__policy=OuterRef("pk")).order_by("-at").values("at")[:1]
    versions = Prefetch("versions", PolicyVersion.objects.filter(number=F("policy__number")), to_attr="current")
    return Policy.objects.order_by("position", "pk").annotate(last_at=Subquery(last)).prefetch_related(versions)


def _view(policy: Policy) -> PolicyView:
    [current] = getattr(policy, "current")  # noqa: B009 - a prefetch's attribute is unknown to types
    return PolicyView(
        id=policy.pk,
        name=policy.name,
        enabled=policy.enabled,
        position=policy.position,
        created_at=policy.created_at,
        last_decided_at=getattr(policy, "last_at"),  # noqa: B009 - the same
        current=_version(current),
    )


def _version(row: PolicyVersion) -> VersionView:
    return VersionView(
        number=row.number,
        expression=row.expression,
        outcome=row.outcome,
        workflow=row.workflow,
        prompt=row.prompt,
        reason=row.reason,
        created_at=row.created_at,
        author=states.decider(row.author),
    )
