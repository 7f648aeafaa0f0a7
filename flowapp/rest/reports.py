"""/v1/reports: how deciding goes, in the numbers that the page shows."""

from datetime import date, datetime
from typing import Any

from ninja import Router
from ninja.params import functions
from pydantic import Field

from approvals import queries
from flowapp.http.access import WORKSPACE_KEY, access
from flowapp.http.problems import invalid
from flowapp.http.requests import Request
from flowapp.tenancy.models import Role

from .schemas import Out

router = Router(tags=["reports"])
_PERIOD: Any = functions.Query(30, description="Days up to today: 7, 30 or 90.")


class Times(Out):
    """Seconds; null without any."""

    median: float | None
    p90: float | None


class Ends(Out):
    """How prompts ended, as counts. Cancelled ones are not among them."""

    closed: int
    approved: int
    denied: int
    edited: int
    expired: int


class Line(Ends):
    """One workflow's, agent's or reviewer's, or all of it; `times` are to the decision, `time_to_claim` to a claim.

    For a reviewer `closed` counts their answers, votes among them, and `expired` what asked them by name in vain.
    """

    name: str
    times: Times
    time_to_claim: Times = Field(validation_alias="claim")


class Reviewer(Line):
    """`fast` counts answers within 10 seconds of the question or their claim; `signals` says what is worth a look."""

    email: str = Field(validation_alias="detail")
    fast: int
    signals: list[str]


class Day(Ends):
    """One day, in UTC."""

    day: date


class Age(Out):
    """How many prompts are open and of this age."""

    age: str
    open: int


class ApprovalsReport(Out):
    """A period's decisions, and what is open now."""

    days: int
    since: datetime
    until: datetime
    total: Line
    time_to_claim: Times
    by_day: list[Day]
    pending: list[Age]
    workflows: list[Line]
    agents: list[Line]
    reviewers: list[Reviewer]


@router.get("/reports/approvals", response=ApprovalsReport)
@access(Role.OWNER, Role.ADMIN, Role.MANAGER, WORKSPACE_KEY)
def report_approvals(request: Request, period: int = _PERIOD) -> ApprovalsReport:
    """How long deciding takes, how it ends, and by whom. The tables hold the 50 with the most decisions."""
    try:
        report = queries.report(period)
    except ValueError as error:
        raise invalid([{"loc": ["period"], "msg": str(error)}]) from None
    return ApprovalsReport(
        days=report.days,
        since=report.since,
        until=report.until,
        total=Line.model_validate(report.total),
        time_to_claim=Times.model_validate(report.total.claim),
        by_day=[Day(day=day, **Ends.model_validate(line).model_dump()) for day, line in report.by_day],
        pending=[Age(age=age, open=number) for age, number in report.pending],
        workflows=[Line.model_validate(line) for line in report.workflows],
        agents=[Line.model_validate(line) for line in report.agents],
        reviewers=[Reviewer.model_validate(line) for line in report.reviewers],
    )
