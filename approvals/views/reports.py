"""The page on how deciding goes: charts, the tables under them, and each table as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals import queries
from approvals.queries import Line, Report
from approvals.views import charts
from flowapp.http.access import access
from flowapp.http.problems import Problem
from flowapp.tenancy.models import Role

READERS: Final = (Role.OWNER, Role.ADMIN, Role.MANAGER)
_ACTS_ON: Final = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet take a cell for a formula
_NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numbers stand at the end of theirs."""

    title: str
    number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is shown and downloaded: the same words in the same order."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: list[list[str]]

    @property
    def cells(self) -> list[list[tuple[str, bool]]]:
        """The rows, each cell with whether it is a number."""
        return [[(cell, column.number) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]


@access(*READERS)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The report over the period in the address."""
    report = _report(request)
    context = {
        "report": report,
        "periods": queries.PERIODS,
        "tables": _tables(report),
        "days_chart": charts.days(report.by_day),
        "ages_chart": charts.ages(report.pending),
        "figures": _figures(report),
        "signals": [(line, line.signals) for line in report.reviewers if line.signals],
    }
    return render(request, "approvals/reports.html", context)


@access(*READERS)
@require_GET
def download(request: HttpRequest) -> HttpResponse:
    """One of the page's tables, exactly as it shows it."""
    report = _report(request)
    wanted = request.GET.get("table", "")
    table = next((one for one in _tables(report) if one.key == wanted), None)
    if table is None:
        raise Problem("not-found", f"There is no table {wanted[:40]!r} in this report.")
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="approvals-{table.key}-{report.days}-days.csv"'
    writer = csv.writer(answer)
    writer.writerow([column.title for column in table.columns])
    writer.writerows([_inert(cell) for cell in row] for row in table.rows)
    return answer


def _report(request: HttpRequest) -> Report:
    try:
        return queries.report(int(request.GET.get("period") or 30))
    except ValueError:
        known = ", ".join(map(str, queries.PERIODS))
        raise Problem("not-found", f"There is no report over this period; choose {known} days.") from None


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_ACTS_ON) else cell


def _figures(report: Report) -> list[tuple[str, str, str]]:
    total = report.total
    return [
        ("Decided", f"{total.decided:,}", f"of {total.closed:,} that ended"),
        ("Time to a decision", _took(total.times.median), _within(total.times.p90)),
        ("Time to a claim", _took(total.claim.median), _within(total.claim.p90)),
        ("Approved", _percent(total.share(total.approved)), f"{_percent(total.share(total.edited))} after an edit"),
        ("Timed out", _percent(total.share(total.expired)), f"{total.expired:,} that nobody decided"),
        ("Open now", f"{sum(number for _, number in report.pending):,}", "of any age"),
    ]


def _tables(report: Report) -> list[Table]:
    ends = ("Ended", "Approved", "Denied", "Edited", "Timed out")
    rates = ("Ended", "Approved", "Edited", "Timed out", "To a claim", "To a decision", "Nine in ten")
    answers = (
        "Answers",
        "Approved",
        "Edited",
        "Timed out, asked by name",
        "In under 10 s",
        "To a claim",
        "To an answer",
    )
    days = [[f"{day:%Y-%m-%d}", *_counts(line)] for day, line in report.by_day]
    return [
        Table("days", "Decisions by day", _columns("Day (UTC)", *ends), days),
        Table(
            "pending",
            "Open now, by age",
            _columns("Age", "Open"),
            [[age, f"{number:,}"] for age, number in report.pending],
        ),
        Table("workflows", "By workflow", _columns("Workflow", *rates), [_rates(line) for line in report.workflows]),
        Table("agents", "By agent that asked", _columns("Agent", *rates), [_rates(line) for line in report.agents]),
        Table(
            "reviewers",
            "By reviewer",
            (
                *_columns("Reviewer", *answers, "Nine in ten"),
                Column("Worth a look", number=False),
            ),
            [_reviewer(line) for line in report.reviewers],
        ),
    ]


def _columns(first: str, *others: str) -> tuple[Column, ...]:
    return (Column(first, number=False), *map(Column, others))


def _counts(line: Line) -> list[str]:
    return [f"{number:,}" for number in (line.closed, line.approved, line.denied, line.edited, line.expired)]


def _rates(line: Line) -> list[str]:
    shares = (line.approved, line.edited, line.expired)
    return [line.name, f"{line.closed:,}", *(_percent(line.share(one)) for one in shares), *_times(line)]


def _reviewer(line: Line) -> list[str]:
    signals: Sequence[str] = line.signals
    shares = (line.share(line.approved), line.share(line.edited), line.left, line.share(line.fast))
    return [line.name, f"{line.closed:,}", *map(_percent, shares), *_times(line), "; ".join(signals) or _NOTHING]


def _times(line: Line) -> list[str]:
    return [_took(one) for one in (line.claim.median, line.times.median, line.times.p90)]


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else f"{share:.0%}"


def _within(seconds: float | None) -> str:
    return "none in this period" if seconds is None else f"nine in ten within {_took(seconds)}"


def _took(seconds: float | None) -> str:
    """A duration in its two largest units, short enough for a table."""
    if seconds is None:
        return _NOTHING
    units: Any = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    whole = round(seconds)
    finest = next((smaller for size, smaller in ((86400, 3600), (3600, 60)) if whole >= size), 1)
    whole = round(whole / finest) * finest
    at = next((number for number, (_, size) in enumerate(units) if whole >= size), 3)
    (big, size), rest = units[at], units[at + 1 : at + 2]
    first, left = divmod(whole, size)
    second = left // rest[0][1] if rest else 0
    return f"{first} {big} {second} {rest[0][0]}" if second else f"{first} {big}"
