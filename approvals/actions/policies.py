"""Keeping policies: every save is a new version, checked before it is kept; what decided prompts is never changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max

from approvals.actions import eligibility
from approvals.models import Policy, PolicyVersion, Prompt
from approvals.policies import drafts
from approvals.policies.rules import ASK
from approvals.queries import policies as kept
from approvals.states import InvalidPolicy, NotEligible, NotNow, PolicyNotFound
from flowapp import audit
from flowapp.engine import clock, registry
from flowapp.tenancy.actors import Actor

MOST = 200  # policies a workspace: each prompt that opens is looked at by all of them
_LONGEST = {"outcome": 64, "workflow": 200, "prompt": 200, "reason": 2000}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a version of a policy is to say. The outcome "ask" puts prompts to people."""

    expression: str
    outcome: str = ASK
    workflow: str = ""
    prompt: str = ""
    reason: str = ""

    def tidied(self) -> Draft:
        """The same, without what only spaces added; an expression keeps those before it, so that places stay true."""
        more = (getattr(self, name).strip() for name in self.__slots__[1:])
        return Draft(self.expression.rstrip(), *more)


def check_policy(draft: Draft, *, name: str | None = None) -> None:
    """Raise InvalidPolicy with everything that is wrong, and its place."""
    errors = [*_name_errors(name), *_errors(draft.tidied())]
    if errors:
        raise InvalidPolicy(errors)


def unchecked(draft: Draft) -> list[str]:
    """What could not be checked of a draft that is in order, in words: nothing like it was asked yet."""
    if kept.samples(workflow=draft.workflow, prompt=draft.prompt):
        return []
    parts = ["its outcome"] if draft.outcome != ASK else []
    if drafts.reads_data(draft.expression):
        parts.append("the fields it reads")
    scope = f"No prompt{f' {draft.prompt}' if draft.prompt else ''}{f' of {draft.workflow}' if draft.workflow else ''}"
    known = sorted({one.name for one in kept.samples(workflow=draft.workflow)}) if draft.prompt else []
    others = f" There is {', '.join(known[:12])}." if known else ""
    missed = f", so {' and '.join(parts)} could not be checked" if parts else ""
    return [f"{scope} was asked yet{missed}.{others}"] if missed or others else []


@transaction.atomic
def create_policy(*, name: str, draft: Draft, by: Actor, enabled: bool = True) -> Policy:
    """A new policy, looked at after those there are. Raises InvalidPolicy."""
    _allow(by)
    check_policy(draft, name=name.strip())
    if Policy.objects.count() >= MOST:
        raise InvalidPolicy([{"field": "name", "msg": f"a workspace keeps at most {MOST} policies"}])
    last = Policy.objects.aggregate(last=Max("position"))["last"] or 0
    try:
        with transaction.atomic():
            policy = Policy.objects.create(
                name=name.strip(), position=last + 1, number=1, enabled=enabled, created_at=clock.now()
            )
    except IntegrityError:  # saved twice at once
        raise InvalidPolicy([_taken(name.strip())]) from None
    version = _version(policy, draft.tidied(), by)
    audit.record(by=by, verb="policy.created", target=f"policy:{policy.pk}", after=_shown(policy, version))
    return policy


@transaction.atomic
def save_version(policy_id: UUID, *, draft: Draft, by: Actor, number: int | None = None) -> PolicyVersion:
    """Say something new: a version more, in force from now on. With `number` only if that is still the newest.

    Saving what it says already changes nothing. Raises InvalidPolicy, NotNow.
    """
    _allow(by)
    policy = _locked(policy_id)
    if number is not None and number != policy.number:
        raise NotNow(f"Version {policy.number} was saved meanwhile. Look at it, then save yours on top of it.")
    check_policy(draft)
    before = policy.versions.get(number=policy.number)
    if Draft(*(getattr(before, name) for name in Draft.__slots__)) == draft.tidied():
        return before
    policy.number += 1
    policy.save(update_fields=["number"])
    version = _version(policy, draft.tidied(), by)
    audit.record(
        by=by,
        verb="policy.changed",
        target=f"policy:{policy.pk}",
        before=_shown(policy, before),
        after=_shown(policy, version),
    )
    return version


@transaction.atomic
def set_enabled(policy_id: UUID, *, enabled: bool, by: Actor) -> None:
    """Put a policy in force, or out of it; prompts that are open stay as they are."""
    _allow(by)
    policy = _locked(policy_id)
    if policy.enabled == enabled:
        return
    policy.enabled = enabled
    policy.save(update_fields=["enabled"])
    verb = "policy.enabled" if enabled else "policy.disabled"
    audit.record(by=by, verb=verb, target=f"policy:{policy.pk}", after={"name": policy.name, "version": policy.number})


@transaction.atomic
def move(policy_id: UUID, *, position: int, by: Actor) -> None:
    """Have a policy looked at as the first, second, …; beyond the last is last."""
    _allow(by)
    # Locked in an order that no move changes, and put in line by what is read under the lock.
    policies = sorted(Policy.objects.select_for_update().order_by("pk"), key=lambda one: (one.position, one.pk))
    moved = next((one for one in policies if one.pk == policy_id), None)
    if moved is None:
        raise PolicyNotFound
    before = policies.index(moved) + 1
    policies.remove(moved)
    policies.insert(max(position, 1) - 1, moved)
    for place, policy in enumerate(policies, start=1):
        policy.position = place
    Policy.objects.bulk_update(policies, ["position"])
    if before != moved.position:
        audit.record(
            by=by,
            verb="policy.moved",
            target=f"policy:{moved.pk}",
            before={"position": before},
            after={"position": moved.position},
        )


def _allow(by: Actor) -> None:
    """A rule decides in its author's stead, so a key that may not decide may not keep rules either."""
    if not eligibility.may_answer(by):
        raise NotEligible("This API key may not keep policies: it was not granted approvals:decide.")


def _locked(policy_id: UUID) -> Policy:
    policy = Policy.objects.select_for_update().filter(pk=policy_id).first()
    if policy is None:
        raise PolicyNotFound
    return policy


def _version(policy: Policy, draft: Draft, by: Actor) -> PolicyVersion:
    said = {name: getattr(draft, name) for name in Draft.__slots__}
    return PolicyVersion.objects.create(
        policy=policy, number=policy.number, created_at=clock.now(), author=by.as_json(), **said
    )


def _shown(policy: Policy, version: PolicyVersion) -> dict[str, Any]:
    said = {name: getattr(version, name) for name in Draft.__slots__}
    return {"name": policy.name, "version": version.number, "enabled": policy.enabled, **said}


def _name_errors(name: str | None) -> Iterator[dict[str, Any]]:
    if name is None:
        return
    if not 0 < len(name) <= 100 or "\0" in name:
        yield {"field": "name", "msg": "give it a name of 1 to 100 characters"}
    elif Policy.objects.filter(name__iexact=name).exists():
        yield _taken(name)


def _taken(name: str) -> dict[str, Any]:
    return {"field": "name", "msg": f"there is a policy named {name} already"}


def _errors(draft: Draft) -> Iterator[dict[str, Any]]:
    said = {name: getattr(draft, name) for name in _LONGEST}
    unfit = [name for name, text in said.items() if len(text) > _LONGEST[name] or "\0" in text]
    for name in unfit:
        yield {"field": name, "msg": f"at most {_LONGEST[name]:,} characters, and no null character"}
    if not draft.outcome:
        yield {"field": "outcome", "msg": f"say what it decides, such as approve, or {ASK} to put prompts to people"}
    samples = [] if unfit else kept.samples(workflow=draft.workflow, prompt=draft.prompt)
    if not unfit:
        yield from _unknown(draft, samples)
    for mistake in drafts.mistakes(draft.expression, [one.data for one in samples]):
        yield {"field": "expression", "msg": str(mistake), "line": mistake.line, "column": mistake.column}


def _unknown(draft: Draft, samples: Sequence[Prompt]) -> Iterator[dict[str, Any]]:
    """A workflow or an outcome that nothing has: a rule for it would never act, and nobody would know."""
    offered = [definition.name for definition in registry.offered()]
    if draft.workflow and not samples and draft.workflow not in offered and not kept.has_asked(draft.workflow):
        yield {"field": "workflow", "msg": drafts.unknown("there is no workflow", draft.workflow, offered)}
    known = {outcome["value"] for one in samples for outcome in one.outcomes}
    if samples and draft.outcome not in ("", ASK, *known):
        none = f"none of the last {len(samples)} prompts has the outcome"
        yield {"field": "outcome", "msg": drafts.unknown(none, draft.outcome, known)}
