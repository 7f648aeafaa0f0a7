"""How deciding goes: how long it takes, how it ends, by whom. Over a period, by one index; nothing else is read.

Percentiles are nearest ranks by window functions, which PostgreSQL and SQLite reckon alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, F, FilteredRelation, Q, QuerySet, Value, Window
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import RowNumber, TruncDate

from approvals.models import Decision, Prompt
from approvals.states import NEGATIVE, PromptStatus
from flowapp.engine import clock

PERIODS: Final = (7, 30, 90)  # days
MOST_ROWS: Final = 50  # of each table: those with the most decisions
FAST: Final = 10.0  # seconds; nobody reads a question and its payload in less
ENOUGH_TO_TELL: Final = 10  # decisions before a habit is one
AGES: Final = (
    ("under 1 h", timedelta(hours=1)),
    ("1–4 h", timedelta(hours=4)),
    ("4–24 h", timedelta(days=1)),
    ("1–3 d", timedelta(days=3)),
    ("3–7 d", timedelta(days=7)),
    ("over 7 d", None),
)
_OPEN: Final = Q(status=PromptStatus.PENDING)
_DECIDED: Final = Q(status=PromptStatus.DECIDED)
_NEGATIVE: Final = sorted(NEGATIVE)


@dataclass(frozen=True, slots=True)
class Times:
    """Half took no longer than the median, nine in ten no longer than `p90`; seconds, None without any."""

    median: float | None = None
    p90: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """How prompts ended, of one workflow, agent or reviewer, or of all."""

    name: str
    closed: int = 0
    approved: int = 0
    denied: int = 0
    edited: int = 0
    expired: int = 0
    fast: int = 0
    times: Times = field(default_factory=Times)
    detail: str = ""

    @property
    def decided(self) -> int:
        """How many got an answer."""
        return self.approved + self.denied

    def share(self, number: int) -> float | None:
        """Of all that ended; None where nothing did."""
        return number / self.closed if self.closed else None

    @property
    def signals(self) -> list[str]:
        """What may mean that nobody reads what is asked."""
        found = []
        if self.fast >= ENOUGH_TO_TELL and self.fast * 2 >= self.decided:
            found.append(f"{self.fast} of {self.decided} in under {FAST:g} s")
        if self.decided >= ENOUGH_TO_TELL and self.approved == self.decided:
            found.append(f"approved all {self.decided}")
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """A period's decisions, and what is open now."""

    days: int
    since: datetime
    until: datetime
    total: Line
    claim: Times
    by_day: list[tuple[date, Line]]
    pending: list[tuple[str, int]]
    workflows: list[Line]
    agents: list[Line]
    reviewers: list[Line]


def report(days: int) -> Report:
    """The report over so many days up to now. Raises ValueError for a period that is not one of ours."""
    if days not in PERIODS:
        raise ValueError(f"the period is one of {', '.join(map(str, PERIODS))} days, not {days}")
    now = clock.now()
    since = datetime.combine(now.astimezone(UTC).date() - timedelta(days=days - 1), datetime.min.time(), UTC)
    ended = Prompt.objects.filter(~_OPEN, closed_at__gte=since).annotate(
        final=FilteredRelation("decisions", condition=Q(decisions__final=True))
    )
    answers = Decision.objects.filter(at__gte=since, timed_out=False, member__isnull=False)
    asked_by_agents = ended.filter(requester__kind="agent").annotate(agent=KeyTextTransform("label", "requester"))
    decided = ended.filter(_DECIDED)
    everything = "everything"
    return Report(
        days=days,
        since=since,
        until=now,
        total=_total(ended, _times(decided.annotate(all=Value(everything)), "all", "closed_after_s")),
        claim=_times(ended.annotate(all=Value(everything)), "all", "claimed_after_s").get(everything, Times()),
        by_day=_by_day(ended, since, days),
        pending=_pending(now),
        workflows=_lines(ended, "workflow", _times(decided, "workflow", "closed_after_s")),
        agents=_lines(asked_by_agents, "agent", _times(asked_by_agents.filter(_DECIDED), "agent", "closed_after_s")),
        reviewers=_reviewers(answers),
    )


def _ends() -> dict[str, Count]:
    return {
        "closed": Count("pk", filter=~Q(status=PromptStatus.CANCELLED)),
        "approved": Count("pk", filter=_DECIDED & ~Q(final__outcome__in=_NEGATIVE)),
        "denied": Count("pk", filter=_DECIDED & Q(final__outcome__in=_NEGATIVE)),
        "edited": Count("pk", filter=_DECIDED & ~Q(final__changes=[])),
        "expired": Count("pk", filter=Q(status=PromptStatus.EXPIRED)),
    }


def _total(ended: QuerySet[Prompt], times: Mapping[str, Times]) -> Line:
    return Line("All", **ended.aggregate(**_ends()), times=times.get("everything", Times()))


def _lines(ended: QuerySet[Prompt], by: str, times: Mapping[str, Times]) -> list[Line]:
    rows: Any = ended.values(by).annotate(**_ends()).filter(closed__gt=0).order_by("-closed", by)[:MOST_ROWS]
    named: list[tuple[str, dict[str, Any]]] = [(row.pop(by), row) for row in map(dict, rows)]
    return [Line(name or "?", **row, times=times.get(name, Times())) for name, row in named]


def _by_day(ended: QuerySet[Prompt], since: datetime, days: int) -> list[tuple[date, Line]]:
    rows: Any = ended.annotate(day=TruncDate("closed_at", tzinfo=UTC)).values("day").annotate(**_ends()).order_by("day")
    known = {row.pop("day"): Line("", **row) for row in map(dict, rows)}
    every = (since.date() + timedelta(days=number) for number in range(days))
    return [(day, known.get(day, Line(""))) for day in every]


def _pending(now: datetime) -> list[tuple[str, int]]:
    counts: dict[str, Count] = {}
    newest = now
    for number, (_, age) in enumerate(AGES):
        within = Q() if age is None else Q(created_at__gt=now - age)
        counts[f"n{number}"] = Count("pk", filter=within & Q(created_at__lte=newest))
        newest = now - age if age else newest
    found = Prompt.objects.filter(_OPEN).aggregate(**counts)
    return [(words, found[f"n{number}"]) for number, (words, _) in enumerate(AGES)]


def _reviewers(answers: QuerySet[Decision]) -> list[Line]:
    times = _times(answers, "member_id", "took_s")
    rows = (
        answers.values("member_id", "member__user__name", "member__user__email")
        .annotate(
            closed=Count("pk"),
            approved=Count("pk", filter=~Q(outcome__in=_NEGATIVE)),
            denied=Count("pk", filter=Q(outcome__in=_NEGATIVE)),
            edited=Count("pk", filter=~Q(changes=[])),
            fast=Count("pk", filter=Q(took_s__lt=FAST)),
        )
        .order_by("-closed", "member__user__name")[:MOST_ROWS]
    )
    return [_reviewer(dict(row), times) for row in rows]


def _reviewer(row: dict[str, Any], times: Mapping[Any, Times]) -> Line:
    member, name, email = row.pop("member_id"), row.pop("member__user__name"), row.pop("member__user__email")
    return Line(name or email, **row, times=times.get(member, Times()), detail=email)


def _times(rows: QuerySet[Any], by: str, seconds: str) -> dict[Any, Times]:
    """Median and p90 of each group."""
    ranked = (
        rows.filter(**{f"{seconds}__isnull": False})
        .annotate(
            size=Window(Count("pk"), partition_by=[F(by)]),
            rank=Window(RowNumber(), partition_by=[F(by)], order_by=[F(seconds).asc()]),
        )
        .filter(Q(rank=(F("size") + 1) / 2) | Q(rank=(F("size") * 9 + 9) / 10))
        .values_list(by, "rank", "size", seconds)
    )
    found: dict[Any, dict[str, float]] = {}
    for group, rank, size, took in ranked:
        known = found.setdefault(group, {})
        if rank == (size + 1) // 2:
            known["median"] = took
        if rank == (size * 9 + 9) // 10:
            known["p90"] = took
    return {group: Times(**known) for group, known in found.items()}
