"""The facts behind the eligibility rules: who the actor is, and what the prompt demands, as the database has it now."""

from __future__ import annotations

from uuid import UUID

from approvals.models import Assignment, Prompt
from approvals.policies import eligibility
from approvals.states import Refused
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.keys import APPROVALS_DECIDE


def refusal(prompt: Prompt, *, by: Actor) -> Refused | None:
    """Why this actor may not decide this pending prompt, or None when they may."""
    return eligibility.refusal(_candidate(by), _rules(prompt))


def why_not(prompt_id: UUID, *, by: Actor) -> Refused | None:
    """Why this actor may not decide this prompt, for pages that say so before anybody tries."""
    return refusal(Prompt.objects.only("requester", "options", "risk").get(pk=prompt_id), by=by)


def _candidate(by: Actor) -> eligibility.Candidate:
    targets: set[str] = set()
    if by.kind == "person" and by.member_id:
        targets = tenancy.specs_of(by.member_id)
    elif by.kind == "agent":
        targets = {f"agent:{by.id.lower()}"}
    return eligibility.Candidate(
        kind=by.kind,
        targets=frozenset(targets),
        member_id=str(by.member_id or ""),
        email=by.id if by.kind == "person" else "",
        key_id=str(by.key_id or ""),
        key_may_decide=by.key_id is not None and tenancy.key_allows(by.key_id, APPROVALS_DECIDE),
    )


def _rules(prompt: Prompt) -> eligibility.Rules:
    asked = Assignment.objects.filter(prompt=prompt, active=True).values_list("target", flat=True)
    requester = prompt.requester or {}
    return eligibility.Rules(
        targets=frozenset(asked),
        requester=eligibility.Requester(
            member_id=requester.get("member_id") or "",
            key_id=requester.get("key_id") or "",
            behalf=requester.get("on_behalf_of") or "",
        ),
        four_eyes=bool(prompt.options.get("four_eyes")),
        risk=prompt.risk,
        excluded=frozenset(prompt.options.get("excluded", ())),
    )
