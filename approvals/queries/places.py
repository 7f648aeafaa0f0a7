"""Where prompts stand in a scope: read in order by one index each, from a cursor on, no further than needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from approvals.models import Assignment, Prompt
from approvals.queries.paging import after_text, before_moment, moment_cursor
from approvals.states import PromptStatus

MINE: Final = "mine"
GROUPS: Final = "groups"
UNASSIGNED: Final = "unassigned"
DONE: Final = "done"
SCOPES: Final = {MINE: "Mine", GROUPS: "My groups", UNASSIGNED: "Unassigned", DONE: "Done"}
SORTS: Final = {
    "": "Most urgent first",
    "oldest": "Oldest first",
    "newest": "Newest first",
    "due": "Due soonest first",
    "amount": "Largest amount first",
}
_COLUMNS: Final = {
    "": "queue_key",
    "oldest": "age_key",
    "newest": "-age_key",
    "due": "due_key",
    "amount": "amount_key",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A prompt's place in the list; `cursor` leads to those behind it."""

    prompt_id: UUID
    cursor: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A scope as a member sees it, in one of the orders; what is done comes newest first, whatever the order."""

    scope: str
    targets: tuple[str, ...]
    column: str

    @classmethod
    def of(cls, targets: Collection[str], scope: str, sort: str = "") -> Listing:
        """Raises ValueError for a scope or sort that is not one of ours."""
        if scope not in SCOPES:
            raise ValueError(f"there is no scope {scope!r}; choose one of {', '.join(SCOPES)}")
        if sort not in SORTS:
            raise ValueError(f"there is no order {sort!r}; choose one of {', '.join(filter(None, SORTS))}")
        wanted = (target for target in sorted(targets) if scope != GROUPS or target.startswith("group:"))
        return cls(scope, () if scope == UNASSIGNED else tuple(wanted), _COLUMNS[sort])

    def places(self, cursor: str | None, count: int) -> list[Place]:
        """The first places behind the cursor. Raises ValueError for a cursor that is not one of ours."""
        if self.scope == UNASSIGNED:
            pooled = self._after(pooled_ones(), cursor).order_by(self.column)
            found = pooled.values_list("pk", self.column.removeprefix("-"))[:count]
            return [Place(pk, key) for pk, key in found]
        if not self.targets:
            return []
        if self.scope == DONE:
            return _closed(self.targets, cursor, count)
        arms = [self._after(Assignment.objects.filter(target=one, active=True), cursor) for one in self.targets]
        minus = "-" if self.column.startswith("-") else ""
        return _merged(arms, (self.column, f"{minus}prompt_id"), count, lambda key, _: str(key))

    def among(self, prompt_ids: Collection[UUID]) -> QuerySet[Prompt]:
        """Those of these prompts that stand in it, in order."""
        prompts = Prompt.objects.filter(pk__in=prompt_ids)
        if self.scope == UNASSIGNED:
            return prompts.filter(pooled=True, status=PromptStatus.PENDING).order_by(self.column)
        done = self.scope == DONE
        asked = Assignment.objects.filter(prompt__in=prompt_ids, target__in=self.targets, active=not done)
        asked = asked.filter(closed_at__isnull=not done)
        order = ("-closed_at", "-id") if done else (self.column,)
        return prompts.filter(pk__in=asked.values("prompt_id")).order_by(*order)

    def behind(self, prompts: QuerySet[Prompt], cursor: str | None) -> QuerySet[Prompt]:
        """Those of these prompts that stand behind the cursor."""
        if self.scope == DONE:
            return before_moment(prompts, "closed_at", "id", cursor)
        return after_text(prompts, self.column, cursor)

    def cursor(self, prompt: Prompt) -> str:
        """The cursor that leads to those behind this one."""
        if self.scope == DONE:
            return moment_cursor(prompt.closed_at, prompt.pk)
        return str(getattr(prompt, self.column.removeprefix("-")))

    def _after(self, rows: QuerySet[Any], cursor: str | None) -> QuerySet[Any]:
        return after_text(rows, self.column, cursor)


def pooled_ones() -> QuerySet[Prompt]:
    """The open prompts that nobody in particular has."""
    return Prompt.objects.filter(status=PromptStatus.PENDING, pooled=True)


def _closed(targets: Sequence[str], cursor: str | None, count: int) -> list[Place]:
    """The last prompts that ended among those put to these."""
    # Without a time it is of a stage that was passed, while the prompt is still open.
    ended = Assignment.objects.filter(active=False, closed_at__isnull=False)
    arms = [before_moment(ended.filter(target=one), "closed_at", "prompt_id", cursor) for one in targets]
    return _merged(arms, ("-closed_at", "-prompt_id"), count, moment_cursor)


def _merged(
    arms: list[QuerySet[Any]], order: tuple[str, str], count: int, cursor_of: Callable[[Any, UUID], str]
) -> list[Place]:
    """The first places over all arms, each prompt once: every arm is read in its index's order.

    PostgreSQL merges arms only when each says its order; SQLite does so by itself and allows no order in an arm.
    """
    # Whoever is asked by several stages or lines of a prompt has it once; its rows stand together in the index.
    arms = [arm.values_list("prompt_id", order[0].removeprefix("-")).distinct() for arm in arms]
    if len(arms) == 1:
        rows = list(arms[0].order_by(*order)[:count])
    else:
        if connection.features.supports_slicing_ordering_in_compound:
            arms = [arm.order_by(*order)[:count] for arm in arms]
        # A prompt may stand there once for each of its targets.
        rows = list(arms[0].union(*arms[1:], all=True).order_by(*order)[: count * len(arms)])
    once: dict[UUID, str | datetime] = {}
    for prompt_id, key in rows:
        once.setdefault(prompt_id, key)
    return [Place(prompt_id, cursor_of(key, prompt_id)) for prompt_id, key in list(once.items())[:count]]
