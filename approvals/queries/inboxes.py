"""The inbox of a member: scopes that read by one index each, whatever the number of prompts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from approvals import states
from approvals.models import Assignment, Prompt
from approvals.queries.paging import after_text, before_moment, moment_cursor
from approvals.states import Decider, PromptStatus
from flowapp.engine import clock
from flowapp.engine.queries import Page
from flowapp.tenancy import queries as tenancy

MINE: Final = "mine"
GROUPS: Final = "groups"
UNASSIGNED: Final = "unassigned"
DONE: Final = "done"
SCOPES: Final = {MINE: "Mine", GROUPS: "My groups", UNASSIGNED: "Unassigned", DONE: "Done"}
COUNT_UP_TO: Final = 99  # beyond this a count says "99+": an exact one would read every row
FIELDS: Final = (
    *("id", "workflow", "title", "requester", "risk", "amount", "level", "created_at", "due_at", "status", "type"),
    *("queue_key", "closed_at", "workspace_id", "stage", "stages", "claimed_by", "claimed_until"),
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


def targets_of(member_id: UUID) -> frozenset[str]:
    """The assign entries that mean this member now: their e-mail address, role and groups."""
    return frozenset(tenancy.specs_of(member_id))


def inbox(
    targets: Collection[str], *, scope: str = MINE, query: str = "", cursor: str | None = None, limit: int = 50
) -> Page[InboxRow]:
    """A page of what is put to these targets: overdue first, then by risk, due and age; what is done, newest first.

    Raises ValueError for a scope or cursor that is not one of ours.
    """
    wanted = _of_scope(targets, scope)
    if query:
        return _searched(scope, wanted, query.strip(), cursor, limit)
    if scope == UNASSIGNED:
        pooled = _open_ones().filter(pooled=True).order_by("queue_key")
        return _page(list(after_text(pooled, "queue_key", cursor)[: limit + 1]), scope, limit)
    if not wanted:
        return Page([], None)
    places = _closed_places if scope == DONE else _open_places
    chosen = places(wanted, cursor, limit + 1)
    found = {prompt.pk: prompt for prompt in Prompt.objects.filter(pk__in=chosen).only(*FIELDS)}
    return _page([found[pk] for pk in chosen if pk in found], scope, limit)


def counts(targets: Collection[str]) -> dict[str, int]:
    """How many prompts each open scope holds, up to one more than COUNT_UP_TO."""
    groups = _of_scope(targets, GROUPS)
    pooled = Prompt.objects.filter(status=PromptStatus.PENDING, pooled=True).values_list("pk")[: COUNT_UP_TO + 1]
    return {MINE: _count(targets), GROUPS: _count(groups), UNASSIGNED: len(pooled)}


def waiting_for(member_id: UUID) -> int:
    """How many prompts this member may decide, up to one more than COUNT_UP_TO."""
    return _count(targets_of(member_id))


def _of_scope(targets: Collection[str], scope: str) -> list[str]:
    if scope not in SCOPES:
        raise ValueError(f"there is no scope {scope!r}; choose one of {', '.join(SCOPES)}")
    if scope == UNASSIGNED:
        return []
    return [target for target in sorted(targets) if scope != GROUPS or target.startswith("group:")]


def _count(targets: Collection[str]) -> int:
    if not targets:
        return 0
    rows = Assignment.objects.filter(target__in=targets, active=True).values_list("prompt_id", flat=True)
    return min(len(set(rows[: (COUNT_UP_TO + 1) * len(targets)])), COUNT_UP_TO + 1)


def _open_ones() -> QuerySet[Prompt]:
    return Prompt.objects.filter(status=PromptStatus.PENDING).only(*FIELDS)


def _open_places(targets: list[str], cursor: str | None, count: int) -> list[UUID]:
    """The first prompts put to these, in the inbox's order."""
    rows = [Assignment.objects.filter(target=target, active=True) for target in targets]
    arms = [after_text(arm, "queue_key", cursor).values_list("prompt_id", "queue_key") for arm in rows]
    return _merged(arms, ("queue_key", "prompt_id"), count)


def _closed_places(targets: list[str], cursor: str | None, count: int) -> list[UUID]:
    """The last prompts that ended among those put to these."""
    # Without a time it is of a stage that was passed, while the prompt is still open.
    ended = Assignment.objects.filter(active=False, closed_at__isnull=False)
    rows = [ended.filter(target=target) for target in targets]
    arms = [before_moment(arm, "closed_at", "prompt_id", cursor).values_list("prompt_id", "closed_at") for arm in rows]
    return _merged(arms, ("-closed_at", "-prompt_id"), count)


def _merged(arms: list[Any], order: tuple[str, str], count: int) -> list[UUID]:
    """The first prompts over all arms, each once: every arm is read in its index's order, no further than needed.

    PostgreSQL merges arms only when each says its order; SQLite does so by itself and allows no order in an arm.
    """
    if len(arms) == 1:
        return [prompt_id for prompt_id, _ in arms[0].order_by(*order)[:count]]
    if connection.features.supports_slicing_ordering_in_compound:
        arms = [arm.order_by(*order)[:count] for arm in arms]
    # A prompt may stand there once for each of its targets.
    places = arms[0].union(*arms[1:], all=True).order_by(*order)[: count * len(arms)]
    return list(dict.fromkeys(prompt_id for prompt_id, _ in places))[:count]


def _searched(scope: str, targets: list[str], query: str, cursor: str | None, limit: int) -> Page[InboxRow]:
    """The scope's prompts whose title or workflow contains the text."""
    if scope == UNASSIGNED:
        prompts = _open_ones().filter(pooled=True)
    else:
        asked = Assignment.objects.filter(target__in=targets, active=scope != DONE)
        asked = asked.filter(closed_at__isnull=scope != DONE)
        prompts = Prompt.objects.filter(pk__in=asked.values("prompt_id")).only(*FIELDS)
    prompts = prompts.filter(title__icontains=query) | prompts.filter(workflow__icontains=query)
    if scope == DONE:
        prompts = before_moment(prompts.order_by("-closed_at", "-id"), "closed_at", "id", cursor)
    else:
        prompts = after_text(prompts.order_by("queue_key"), "queue_key", cursor)
    return _page(list(prompts[: limit + 1]), scope, limit)


def _page(found: list[Prompt], scope: str, limit: int) -> Page[InboxRow]:
    last = found[limit - 1] if len(found) > limit else None
    following = None
    if last is not None:
        following = moment_cursor(last.closed_at, last.pk) if scope == DONE else last.queue_key
    return Page([_row(prompt) for prompt in found[:limit]], following)


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
    )
