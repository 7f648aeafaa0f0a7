"""How deciding goes: how long it takes, how it ends, by whom. Over a period, by one index; nothing else is read.

Percentiles are nearest ranks by window functions, which PostgreSQL and SQLite reckon alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, QuerySet, Value, Window
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import RowNumber, TruncDate

from approvals.models import Assignment, Decision, Prompt
from approvals.states import NEGATIVE, PromptStatus
from flowapp.engine import clock
from flowapp.tenancy.models import Member

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
    """How prompts ended, of one workflow, agent or reviewer, or of all. `times` are to the decision.

    For a reviewer `closed` counts their answers, `expired` what they were asked by name and left unanswered.
    """

    name: str
    closed: int = 0
    approved: int = 0
    denied: int = 0
    edited: int = 0
    expired: int = 0
    fast: int = 0
    times: Times = field(default_factory=Times)
    claim: Times = field(default_factory=Times)
    detail: str = ""

    @property
    def decided(self) -> int:
        """How many got an answer."""
        return self.approved + self.denied

    def share(self, number: int) -> float | None:
        """Of all that ended; None where nothing did."""
        return number / self.closed if self.closed else None

    @property
    def left(self) -> float | None:
        """A reviewer's timeouts, of all that they answered or left; None without either."""
        asked = self.closed + self.expired
        return self.expired / asked if asked else None

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
    return Report(
        days=days,
        since=since,
        until=now,
        total=_total(ended),
        by_day=_by_day(ended, since, days),
        pending=_pending(now),
        workflows=_lines(ended, "workflow"),
        agents=_lines(asked_by_agents, "agent"),
        reviewers=_reviewers(answers, ended),
    )


def _ends() -> dict[str, Count]:
    return {
        "closed": Count("pk", filter=~Q(status=PromptStatus.CANCELLED)),
        "approved": Count("pk", filter=_DECIDED & ~Q(final__outcome__in=_NEGATIVE)),
        "denied": Count("pk", filter=_DECIDED & Q(final__outcome__in=_NEGATIVE)),
        "edited": Count("pk", filter=_DECIDED & ~Q(final__changes=[])),
        "expired": Count("pk", filter=Q(status=PromptStatus.EXPIRED)),
    }


def _total(ended: QuerySet[Prompt]) -> Line:
    everything = ended.annotate(everything=Value("all"))
    [line] = _timed([("all", Line("All", **ended.aggregate(**_ends())))], everything, "everything")
    return line


def _lines(ended: QuerySet[Prompt], by: str) -> list[Line]:
    rows: Any = ended.values(by).annotate(**_ends()).filter(closed__gt=0).order_by("-closed", by)[:MOST_ROWS]
    named: list[tuple[str, dict[str, Any]]] = [(row.pop(by), row) for row in map(dict, rows)]
    return _timed([(name, Line(name or "?", **row)) for name, row in named], ended, by)


def _timed(lines: list[tuple[str, Line]], ended: QuerySet[Prompt], by: str) -> list[Line]:
    """The lines, each with how long it took to a decision and to a claim."""
    times = _times(ended.filter(_DECIDED), by, "closed_after_s")
    claims = _times(ended, by, "claimed_after_s")
    return [replace(line, times=times.get(name, Times()), claim=claims.get(name, Times())) for name, line in lines]


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


def _reviewers(answers: QuerySet[Decision], ended: QuerySet[Prompt]) -> list[Line]:
    """Those who answered most, or left most unanswered that was put to them by name."""
    given = answers.values("member_id").annotate(
        closed=Count("pk"),
        approved=Count("pk", filter=~Q(outcome__in=_NEGATIVE)),
        denied=Count("pk", filter=Q(outcome__in=_NEGATIVE)),
        edited=Count("pk", filter=~Q(changes=[])),
        fast=Count("pk", filter=Q(took_s__lt=FAST)),
    )
    rows: Any = given.order_by("-closed", "member_id")[:MOST_ROWS]
    found: dict[UUID, dict[str, int]] = {row.pop("member_id"): row for row in map(dict, rows)}
    left = _left(ended)
    times = _times(answers, "member_id", "took_s")
    claims = _times(ended.filter(first_claimed_by__isnull=False), "first_claimed_by_id", "claimed_after_s")
    named = Member.objects.filter(Q(pk__in=found) | Q(user__email__in=left))
    lines = [
        Line(
            name or email,
            **found.get(pk, {}),
            expired=left.get(email, 0),
            times=times.get(pk, Times()),
            claim=claims.get(pk, Times()),
            detail=email,
        )
        for pk, name, email in named.values_list("pk", "user__name", "user__email")
    ]
    return sorted(lines, key=lambda line: (-line.closed - line.expired, line.name))[:MOST_ROWS]


def _left(ended: QuerySet[Prompt]) -> dict[str, int]:
    """By address, how many prompts that ended by themselves were put to somebody by name at last, and left by them."""
    expired = ended.filter(status=PromptStatus.EXPIRED).values("pk")
    asked = Assignment.objects.filter(kind="user", prompt__in=expired, stage=F("prompt__stage"))
    same = {"prompt": OuterRef("prompt"), "stage": OuterRef("stage")}
    answered = Decision.objects.filter(**same, member__user__email__iexact=OuterRef("value"))
    rows = asked.exclude(Exists(answered)).values("target").annotate(number=Count("prompt", distinct=True))
    listed = rows.order_by("-number", "target")[:MOST_ROWS].values_list("target", "number")
    return {target.removeprefix("user:"): number for target, number in listed}


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
