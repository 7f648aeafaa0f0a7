"""The inbox of a member: scopes that read by one index each, whatever the number of prompts."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from approvals import states
from approvals.models import Assignment, Prompt, SavedFilter, words
from approvals.queries.detail import PromptView, in_order
from approvals.queries.places import GROUPS, MINE, UNASSIGNED, Listing, pooled_ones
from approvals.queries.searching import search
from approvals.states import Decider, PromptStatus, PromptType, Risk
from flowapp.engine import clock
from flowapp.engine.queries import Page
from flowapp.tenancy import absences
from flowapp.tenancy import queries as tenancy

COUNT_UP_TO: Final = 99  # beyond this a count says "99+": an exact one would read every row
FIELDS: Final = (
    *("id", "workflow", "title", "requester", "risk", "amount", "level", "created_at", "due_at", "status", "type"),
    *("queue_key", "age_key", "due_key", "amount_key", "closed_at", "workspace_id", "stage", "stages"),
    *("claimed_by", "claimed_until", "outcomes", "version", "options"),
)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A prompt in a list. `stage` says in words which of several stages is asked, and how often it escalated."""

    id: UUID
    workflow: str
    ask: str
    requester: Decider | None
    risk: str
    amount: str
    stage: str
    created_at: datetime
    due_at: datetime | None
    overdue: bool
    claimed_by: str
    status: str
    type: str
    version: int
    outcomes: list[dict[str, Any]]
    step_up: bool

    @property
    def offered(self) -> str:
        """What may be answered, and by which key, for the page's script; `words` are for where the labels differ."""
        parts = ("value", "label", "tone", "key")
        found = [
            {part: one[part] for part in parts} | {"words": states.outcome_in_words(one["value"])}
            for one in states.keyed(self.outcomes)
        ]
        return json.dumps(found)

    @property
    def together(self) -> bool:
        """Whether it may be decided along with others: what is of high risk, or wants a second factor or a form, is
        decided alone."""
        alone = self.step_up or self.risk == Risk.HIGH or self.type in (PromptType.FORM, PromptType.CHOICE)
        return self.status == PromptStatus.PENDING and not alone


def targets_of(member_id: UUID) -> frozenset[str]:
    """The assign entries that mean this member now: their e-mail address, role and groups, and those of the absent
    for whom they stand in."""
    away = absences.standing_in_for(member_id, clock.now())
    return frozenset(tenancy.specs_of(member_id)).union(*(absent.specs for absent in away))


def inbox(
    targets: Collection[str],
    *,
    scope: str = MINE,
    query: str = "",
    sort: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[InboxRow]:
    """A page of what is put to these targets: overdue first, then by risk, due and age; what is done, newest first.

    A page of a search may hold less than `limit` and still have a next one. Raises ValueError for a scope, sort or
    cursor that is not one of ours.
    """
    listing = Listing.of(targets, scope, sort)
    if query.strip():
        if not words.of(query):
            return Page([], None)
        found = search(listing, query, cursor, limit, FIELDS)
        return Page([_row(prompt) for prompt in found.items], found.next)
    places = listing.places(cursor, limit + 1)
    chosen = [place.prompt_id for place in places[:limit]]
    prompts = {prompt.pk: prompt for prompt in Prompt.objects.filter(pk__in=chosen).only(*FIELDS)} if chosen else {}
    following = places[limit - 1].cursor if len(places) > limit else None
    return Page([_row(prompts[pk]) for pk in chosen if pk in prompts], following)


def inbox_in_full(
    targets: Collection[str], *, scope: str, query: str, sort: str, cursor: str | None, limit: int
) -> Page[PromptView]:
    """The same page, with the prompts in full."""
    page = inbox(targets, scope=scope, query=query, sort=sort, cursor=cursor, limit=limit)
    return Page(in_order([row.id for row in page.items]), page.next)


def rows_of(prompt_ids: Collection[UUID]) -> list[InboxRow]:
    """These prompts as lists show them, in the order given; those of other workspaces are not there."""
    found = {prompt.pk: prompt for prompt in Prompt.objects.filter(pk__in=prompt_ids).only(*FIELDS)}
    return [_row(found[pk]) for pk in prompt_ids if pk in found]


def saved_filters(member_id: UUID) -> list[SavedFilter]:
    """The views a member keeps, by name."""
    return list(SavedFilter.objects.filter(member_id=member_id).order_by("name"))


def counts(targets: Collection[str]) -> dict[str, int]:
    """How many prompts each open scope holds, up to one more than COUNT_UP_TO."""
    groups = Listing.of(targets, GROUPS).targets
    pooled = pooled_ones().values_list("pk")[: COUNT_UP_TO + 1]
    return {MINE: _count(targets), GROUPS: _count(groups), UNASSIGNED: len(pooled)}


def waiting_for(member_id: UUID) -> int:
    """How many prompts this member may decide, up to one more than COUNT_UP_TO."""
    return _count(targets_of(member_id))


def _count(targets: Collection[str]) -> int:
    if not targets:
        return 0
    rows = Assignment.objects.filter(target__in=targets, active=True).values_list("prompt_id", flat=True)
    return min(len(set(rows[: (COUNT_UP_TO + 1) * len(targets)])), COUNT_UP_TO + 1)


def _row(prompt: Prompt) -> InboxRow:
    pending = prompt.status == PromptStatus.PENDING
    claimant = states.decider(prompt.claimant)
    late = prompt.due_at is not None and prompt.due_at < clock.now()
    return InboxRow(
        id=prompt.pk,
        workflow=prompt.workflow,
        ask=prompt.title,
        requester=states.decider(prompt.requester),
        risk=prompt.risk,
        amount=prompt.amount,
        stage=states.stage_in_words(prompt.stage, prompt.stages, prompt.level),
        created_at=prompt.created_at,
        due_at=prompt.due_at,
        overdue=pending and (prompt.level > 0 or late),
        claimed_by=claimant.name if claimant else "",
        status=prompt.status,
        type=prompt.type,
        version=prompt.version,
        outcomes=prompt.outcomes,
        step_up=bool(prompt.options.get("step_up")),
    )
