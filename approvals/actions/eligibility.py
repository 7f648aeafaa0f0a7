"""The facts behind the eligibility rules: who the actor is, and what the prompt demands, as the database has it now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.models import Assignment, Prompt
from approvals.policies import eligibility
from approvals.states import PromptStatus, Refused, StepUpRequired
from flowapp.engine import clock
from flowapp.tenancy import absences, agents
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.keys import APPROVALS_DECIDE
from flowapp.tenancy.models import Agent, Member

_ASKED = frozenset({"asked"})
_MANAGERS = frozenset({"role:owner", "role:admin", "role:manager"})


def refusal(prompt: Prompt, *, by: Actor, second_factor_at: datetime | None = None) -> Refused | None:
    """Why this actor may not decide this pending prompt, or None when they may.

    `second_factor_at` is when their session last gave a second factor; some decisions need a recent one.
    """
    return standing(prompt, by=by, second_factor_at=second_factor_at)[0]


def standing(prompt: Prompt, *, by: Actor, second_factor_at: datetime | None = None) -> tuple[Refused | None, str]:
    """The same, and the e-mail address of the absent person in whose place they are asked, if so."""
    confirmed = eligibility.is_recent(second_factor_at, clock.now())
    candidate, rules = _candidate(by, confirmed=confirmed), _rules(prompt)
    absent = eligibility.deputised(candidate, rules)
    return eligibility.refusal(candidate, rules), absent.email if absent else ""


def why_not(prompt_id: UUID, *, by: Actor) -> Refused | None:
    """Why this actor may not decide this prompt, for pages that say so before anybody tries.

    A second factor is asked for when they do.
    """
    return barred(Prompt.objects.only("requester", "options", "risk").get(pk=prompt_id), by=by)


def barred(prompt: Prompt, *, by: Actor) -> Refused | None:
    """The same, of a prompt at hand."""
    return eligibility.refusal(_candidate(by, confirmed=True), _rules(prompt))


def barred_if_asked(prompt: Prompt, *, by: Actor) -> Refused | None:
    """Why this actor could not decide it even if they were asked: what the prompt's own rules say of them.

    That they chose others does not count: they may choose again.
    """
    candidate = _candidate(by, confirmed=True)
    rules = replace(_demands(prompt, candidate.targets), choosers=frozenset())
    refusal = eligibility.refusal(candidate, rules)
    return None if isinstance(refusal, StepUpRequired) else refusal


def open_to(prompt_ids: Collection[UUID], *, by: Actor) -> set[UUID]:
    """Those of these prompts that are pending and that this actor may decide, found in a few queries."""
    candidate = _candidate(by, confirmed=True)
    asked: dict[UUID, set[str]] = {}
    rows = Assignment.objects.filter(prompt__in=prompt_ids, active=True).values_list("prompt_id", "target")
    for prompt_id, target in rows:
        asked.setdefault(prompt_id, set()).add(target)
    pending = Prompt.objects.filter(pk__in=asked, status=PromptStatus.PENDING).only("requester", "options", "risk")
    return {
        one.pk for one in pending if eligibility.refusal(candidate, _demands(one, frozenset(asked[one.pk]))) is None
    }


def seat(prompt: Prompt, *, by: Actor, asked: Mapping[str, str]) -> str:
    """In whose place this actor answers where these are asked: by entry, the place that it was given, if any."""
    candidate = _candidate(by, confirmed=True)
    if not candidate.member_id:
        return f"{by.kind}:{by.id}"
    return eligibility.seat(candidate, asked, _demands(prompt, frozenset(asked)))


def targets_of(by: Actor) -> frozenset[str]:
    """The assign entries that mean this actor, or those they stand in for."""
    candidate = _candidate(by, confirmed=False)
    return candidate.targets.union(*(absent.targets for absent in candidate.absent))


def may_answer(by: Actor) -> bool:
    """Whether this actor may answer anything at all: in a session, or by a key that was granted it (SECURITY 11)."""
    return tenancy.may_answer(by)


def manages(by: Actor) -> bool:
    """Whether this actor may arrange others' prompts: a manager, admin or owner, by session or a granted key."""
    return may_answer(by) and by.member_id is not None and bool(_MANAGERS & tenancy.specs_of(by.member_id))


def _candidate(by: Actor, *, confirmed: bool) -> eligibility.Candidate:
    targets: set[str] = set()
    absent: list[eligibility.Absent] = []
    place, email = by.member_id, by.id if by.kind == "person" else ""
    if by.kind == "person" and by.member_id:
        targets = tenancy.specs_of(by.member_id)
        away = absences.standing_in_for(by.member_id, clock.now()) if targets else []
        absent = [eligibility.Absent(str(one.member_id), one.email, one.specs) for one in away]
    elif by.kind == "agent" and (agent := agents.named(by.id)):
        # It sits in its owner's place: four eyes and a quorum count the two as one.
        targets = {f"agent:{agent.name}"}
        place, email = agent.owner_id, agent.owner.user.email
    return eligibility.Candidate(
        kind=by.kind,
        agent=by.id if by.kind == "agent" else "",
        targets=frozenset(targets),
        member_id=str(place or ""),
        email=email,
        key_id=str(by.key_id or ""),
        key_may_decide=by.key_id is not None and tenancy.key_allows(by.key_id, APPROVALS_DECIDE),
        confirmed=confirmed,
        absent=tuple(absent),
    )


def _rules(prompt: Prompt) -> eligibility.Rules:
    asked = Assignment.objects.filter(prompt=prompt, active=True).values_list("target", flat=True)
    return _demands(prompt, frozenset(asked))


def _demands(prompt: Prompt, targets: frozenset[str]) -> eligibility.Rules:
    requester = prompt.requester or {}
    return eligibility.Rules(
        targets=targets,
        requester=_requester(requester),
        also=tuple(_requester(one) for one in requester.get("also", ())),
        four_eyes=bool(prompt.options.get("four_eyes")),
        risk=prompt.risk,
        step_up=bool(prompt.options.get("step_up")),
        excluded=frozenset(prompt.options.get("excluded", ())),
        choosers=frozenset(prompt.options.get("choosers", ())),
    )


def _requester(actor: Mapping[str, Any]) -> eligibility.Requester:
    return eligibility.Requester(
        member_id=person_behind(actor),
        key_id=actor.get("key_id") or "",
        agent=actor.get("id", "") if actor.get("kind") == "agent" else "",
        behalf=actor.get("on_behalf_of") or "",
    )


def person_behind(actor: Mapping[str, Any]) -> str:
    """The id of the member that a stored actor is, or who answers for the agent that it is; else ""."""
    if actor.get("kind") == "agent":
        return str(agents.owner_of(actor["id"]) or "")
    return actor.get("member_id") or ""


def within_reach(by: Actor) -> frozenset[str]:
    """The assign entries through which this actor would come to answer: their own, and their agents' or owner's."""
    person = by.member_id or (agents.owner_of(by.id) if by.kind == "agent" else None)
    own = {f"agent:{name}" for name in agents.names_of(person)} if person else set()
    return targets_of(by) | own | (tenancy.specs_of(person) if person else set())


@dataclass(frozen=True, slots=True)
class Judge:
    """A prompt's own rules, read once: whom of any number of people and agents, being asked, they let answer."""

    rules: eligibility.Rules

    def agent(self, agent: Agent) -> Refused | None:
        """What keeps this agent from answering by whatever key it has; a second factor it cannot give."""
        candidate = eligibility.Candidate(
            kind="agent",
            agent=agent.name,
            targets=_ASKED,
            member_id=str(agent.owner_id),
            email=agent.owner.user.email,
            key_id="any of its own",
            key_may_decide=agents.has_key_that_decides(agent),
        )
        return eligibility.refusal(candidate, self.rules)

    def may_count(self, member: Member) -> bool:
        """Whether this member may answer."""
        place, email = str(member.pk), member.user.email
        person = eligibility.Candidate("person", _ASKED, member_id=place, email=email, confirmed=True)
        return eligibility.refusal(person, self.rules) is None


def judge(prompt: Prompt) -> Judge:
    """Who may answer this prompt, as far as its own rules go."""
    return Judge(_demands(prompt, _ASKED))
