"""/v1/policies: the rules that admins keep, their versions, and what one would have decided."""

from datetime import datetime
from uuid import UUID

from ninja import Router, Status
from pydantic import BaseModel, Field

from approvals import actions
from approvals.actions import Draft
from approvals.policies.rules import ASK, Rule
from approvals.queries import policies as queries
from flowapp.http.access import access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request
from flowapp.tenancy.models import Role

from .paging import CURSOR, LIMIT, Page, reading
from .schemas import Name, Out, Person, Text

router = Router(tags=["policies"])
KEEPERS = (Role.OWNER, Role.ADMIN)


class PolicyDraft(BaseModel):
    """What a version says. `outcome` is one of the prompts' own, or `ask`, which puts them to people."""

    expression: Text = Field(max_length=4000, description="CEL; true of the prompts that the rule is for.")
    outcome: Text = Field(ASK, max_length=64)
    workflow: Text = Field("", max_length=200, description="Only prompts of this workflow; empty for all.")
    prompt: Text = Field("", max_length=200, description="Only prompts of this name; empty for all.")
    reason: Text = Field("", max_length=2000, description="What its decisions give as their reason.")

    def draft(self) -> Draft:
        """As the actions take it."""
        return Draft(self.expression, self.outcome, self.workflow, self.prompt, self.reason)


class NewPolicy(PolicyDraft):
    """A policy and its first version."""

    name: Name = Field(max_length=100)
    enabled: bool = True


class NewVersion(PolicyDraft):
    """A version more. With `number` it is saved only if that is still the newest."""

    number: int | None = None


class Place(BaseModel):
    """Where a policy stands: the first, second, … to be looked at."""

    position: int = Field(ge=1)


class PolicyVersion(Out):
    """What a policy said from one save to the next; it never changes."""

    number: int
    expression: str
    outcome: str
    workflow: str
    prompt: str
    reason: str
    created_at: datetime
    author: Person | None


class Policy(Out):
    """A rule by its name; `current` is the version in force while it is `enabled`."""

    id: UUID
    name: str
    enabled: bool
    position: int
    created_at: datetime
    last_decided_at: datetime | None
    current: PolicyVersion


class PolicyInFull(Policy):
    """A rule, and what could not be checked of it."""

    warnings: list[str] = Field(description="What could not be checked, because nothing like it was asked yet.")


class PolicyPage(Page[Policy]):
    """A page of policies."""


class PolicyVersionPage(Page[PolicyVersion]):
    """A page of a policy's versions."""


class Differing(Out):
    """A prompt that people decided otherwise than the rule would have."""

    id: UUID
    title: str
    at: datetime | None
    rule: str
    people: str
    by: Person | None


class DryRun(Out):
    """What a rule, standing alone, would have done to the last prompts that were decided."""

    prompts: int = Field(description="How many it was tried on, 100 at most.")
    decided: int
    asked: int = Field(description="How many it would have put to people, being a rule that does so.")
    held_back: int = Field(description="How many it is true of, but only people may decide.")
    failed: int = Field(description="How many it could not be judged on.")
    notes: list[str] = Field(description="Why, for those held back or failed.")
    differing: list[Differing]
    warnings: list[str] = Field([], description="What could not be checked, because nothing like it was asked yet.")


@router.get("/policies", response=PolicyPage)
@access(*KEEPERS)
def list_policies(request: Request, cursor: str | None = CURSOR, limit: int = LIMIT) -> PolicyPage:
    """The policies, in the order in which they are looked at."""
    with reading(cursor):
        page = queries.policy_page(cursor=cursor, limit=limit)
    return PolicyPage(items=[Policy.model_validate(view) for view in page.items], next=page.next)


@router.post("/policies", response={201: PolicyInFull})
@access(*KEEPERS)
def create_policy(request: Request, body: NewPolicy) -> Status[PolicyInFull]:
    """Keep a new policy, looked at after those there are. What does not parse is 422, with `line` and `column`."""
    made = actions.create_policy(name=body.name, draft=body.draft(), by=actor_of(request), enabled=body.enabled)
    return Status(201, _shown(made.pk))


@router.post("/policies/dry-run", response=DryRun)
@access(*KEEPERS)
def dry_run_policy(request: Request, body: PolicyDraft) -> DryRun:
    """What a rule would have done to the last 100 prompts, and which of them people decided otherwise."""
    draft = body.draft().tidied()
    actions.check_policy(draft)
    rule = Rule("", "", 0, draft.expression, draft.outcome, draft.workflow, draft.prompt)
    found = DryRun.model_validate(actions.trial(rule))
    found.warnings = actions.unchecked(draft)
    return found


@router.get("/policies/{policy_id}", response=PolicyInFull)
@access(*KEEPERS)
def get_policy(request: Request, policy_id: UUID) -> PolicyInFull:
    """One policy."""
    return _shown(policy_id)


@router.get("/policies/{policy_id}/versions", response=PolicyVersionPage)
@access(*KEEPERS)
def list_policy_versions(
    request: Request, policy_id: UUID, cursor: str | None = CURSOR, limit: int = LIMIT
) -> PolicyVersionPage:
    """What a policy said, newest first."""
    with reading(cursor):
        page = queries.version_page(policy_id, cursor=cursor, limit=limit)
    return PolicyVersionPage(items=[PolicyVersion.model_validate(one) for one in page.items], next=page.next)


@router.post("/policies/{policy_id}/versions", response={201: PolicyInFull})
@access(*KEEPERS)
def create_policy_version(request: Request, policy_id: UUID, body: NewVersion) -> Status[PolicyInFull]:
    """Say something new: a version more, in force from now on. Prompts that are open stay as they are."""
    actions.save_version(policy_id, draft=body.draft(), by=actor_of(request), number=body.number)
    return Status(201, _shown(policy_id))


@router.post("/policies/{policy_id}/enable", response=PolicyInFull)
@access(*KEEPERS)
def enable_policy(request: Request, policy_id: UUID) -> PolicyInFull:
    """Put a policy in force."""
    actions.set_enabled(policy_id, enabled=True, by=actor_of(request))
    return _shown(policy_id)


@router.post("/policies/{policy_id}/disable", response=PolicyInFull)
@access(*KEEPERS)
def disable_policy(request: Request, policy_id: UUID) -> PolicyInFull:
    """Put a policy out of force; what it decided stays."""
    actions.set_enabled(policy_id, enabled=False, by=actor_of(request))
    return _shown(policy_id)


@router.post("/policies/{policy_id}/move", response=PolicyInFull)
@access(*KEEPERS)
def move_policy(request: Request, policy_id: UUID, body: Place) -> PolicyInFull:
    """Have a policy looked at earlier or later: the first one that is true of a prompt counts."""
    actions.move(policy_id, position=body.position, by=actor_of(request))
    return _shown(policy_id)


def _shown(policy_id: UUID) -> PolicyInFull:
    view = queries.policy_detail(policy_id)
    current = view.current
    draft = Draft(current.expression, current.outcome, current.workflow, current.prompt, current.reason)
    shown = Policy.model_validate(view)
    return PolicyInFull(**dict(shown), warnings=actions.unchecked(draft))
