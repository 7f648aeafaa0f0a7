"""Reports: times, rates and signals over a period, reckoned alike by both databases, in a fixed number of queries."""

import csv
import io

import pytest

from approvals import actions, queries
from approvals.queries import reports
from flowapp.engine import clock, runs
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.approvals.making import EXPENSE, ask, decide
from tests.browsing import signed_in, text


def decided_after(wait, who, outcome="approve", **options):
    _, prompt = ask(**options)
    clock.shift(wait)
    decide(prompt, who, outcome, reasoning="so")
    return prompt


@pytest.fixture
def busy(dispatcher, cast):
    """Ten decisions of Bo after 1 to 10 minutes, one denial of Ana, one expiry, one edit, one that still waits."""
    for minutes in range(1, 11):
        decided_after(f"{minutes}m", cast.bo)
    decided_after("2h", cast.ana, "deny", assign="role:owner")
    ask(timeout="1h", on_timeout="deny")
    clock.shift("2h")
    dispatcher.sweep()
    _, edit = ask(type="edit", assign="role:owner")
    decide(edit, cast.ana, data={"employee": "Ana Ruiz", "amount": "5.00"})
    ask()
    return cast


def test_times_and_rates(busy):
    report = queries.report(30)
    total = report.total
    assert (total.closed, total.approved, total.denied, total.edited, total.expired) == (13, 11, 1, 1, 1)
    [workflow] = report.workflows
    assert (workflow.name, workflow.closed) == ("asks", 13)
    assert [round(seconds or 0, -1) for seconds in (total.times.median, total.times.p90)] == [300, 600]
    assert total.times == workflow.times
    reviewers = {line.detail: line for line in report.reviewers}
    assert reviewers["bo@example.com"].times.median == pytest.approx(300, abs=5)
    assert reviewers["bo@example.com"].times.p90 == pytest.approx(540, abs=5)
    assert (reviewers["ana@example.com"].denied, reviewers["ana@example.com"].edited) == (1, 1)


def test_days_and_what_is_open(busy):
    report = queries.report(7)
    assert len(report.by_day) == 7
    assert sum(line.closed for _, line in report.by_day) == 13
    assert report.pending[0] == ("under 1 h", 1)
    clock.shift("3h")
    assert queries.report(7).pending[:2] == [("under 1 h", 0), ("1–4 h", 1)]


def test_what_is_older_than_the_period_is_not_read(busy):
    clock.shift("10d")
    assert queries.report(7).total.closed == 0
    assert queries.report(30).total.closed == 13
    with pytest.raises(ValueError, match="one of 7, 30, 90"):
        queries.report(365)


def test_claims_are_timed_once(dispatcher, cast):
    _, prompt = ask()
    for _ in range(2):
        clock.shift("10m")
        actions.claim(prompt.pk, by=factories.actor(cast.bo), channel="web")
    clock.shift("1m")
    made = decide(prompt, cast.bo)
    assert queries.report(7).total.claim.median == pytest.approx(600, abs=5)
    assert made.took_s == pytest.approx(60, abs=5)  # since their last claim, not since it was asked


def test_claims_are_whose_they_were_first(dispatcher, cast):
    """Ana's claim ends it; Bo's, the first, is what was waited for."""
    _, prompt = ask(assign=["user:bo@example.com", "user:ana@example.com"])
    for minutes, member in [(10, cast.bo), (30, cast.ana)]:
        clock.shift(f"{minutes}m")
        actions.claim(prompt.pk, by=factories.actor(member), channel="web")
    decide(prompt, cast.ana)
    report = queries.report(7)
    assert report.workflows[0].claim.median == pytest.approx(600, abs=5)
    claims = {line.name: line.claim.median for line in report.reviewers}
    assert claims == {"Ana": None}  # Bo answered nothing and left nothing: he is in no line
    decided_after("1m", cast.bo)
    claims = {line.name: line.claim.median for line in queries.report(7).reviewers}
    assert claims == {"Ana": None, "Bo": pytest.approx(600, abs=5)}


def test_what_expires_counts_for_those_asked_by_name(dispatcher, cast):
    both = ["user:bo@example.com", "user:ana@example.com", "role:manager"]
    stages = [{"assign": "user:cleo@example.com"}, {"assign": both, "quorum": 2}]
    _, staged = ask(stages=stages, assign=(), timeout="1h", on_timeout="deny")
    decide(staged, cast.cleo)
    decide(staged, cast.ana)
    ask(timeout="1h", on_timeout="deny", assign="role:manager")
    for _ in range(2):
        ask(timeout="1h", on_timeout="deny", assign="user:BO@example.com")
    clock.shift("2h")
    dispatcher.sweep()
    decided_after("1m", cast.bo)
    lines = {line.name: (line.closed, line.expired, line.left) for line in queries.report(7).reviewers}
    # Cleo's stage was passed and Ana voted: what expired after that was Bo's to answer.
    assert lines == {"Bo": (1, 3, 0.75), "Ana": (1, 0, 0.0), "Cleo": (1, 0, 0.0)}


def test_signals_of_those_who_do_not_read(dispatcher, cast, monkeypatch):
    monkeypatch.setattr(reports, "ENOUGH_TO_TELL", 3)
    for _ in range(3):
        decided_after("1s", cast.bo)
    [bo] = queries.report(7).reviewers
    assert bo.signals == ["3 of 3 in under 10 s", "approved all 3"]
    decided_after("1h", cast.bo, "deny")
    [bo] = queries.report(7).reviewers
    assert bo.signals == ["3 of 4 in under 10 s"]


@pytest.mark.parametrize("number", [1, 3])
def test_a_report_reads_in_a_fixed_number_of_queries(dispatcher, cast, django_assert_num_queries, number):
    for _ in range(number):
        decided_after("1m", cast.bo)
    with django_assert_num_queries(16):
        queries.report(30)


def test_another_workspace_sees_nothing_of_it(busy):
    with scoped(busy.globex.pk):
        report = queries.report(30)
        assert (report.total.closed, report.workflows, report.reviewers) == (0, [], [])


def test_the_page_and_its_csv_say_the_same(busy):
    client = signed_in(busy.bo)
    page = client.get("/reports/approvals/?period=7")
    assert page.status_code == 200
    for table in page.context["tables"]:
        answer = client.get(f"/reports/approvals/csv?period=7&table={table.key}")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        rows = list(csv.reader(io.StringIO(answer.content.decode())))
        assert rows[0] == [column.title for column in table.columns]
        assert len(rows) == 1 + len(table.rows)
        for row in rows[1:]:
            for cell in row:
                assert cell in text(page)


def test_cells_are_no_formulas(dispatcher, cast):
    cast.bo.user.name = "=1+1"
    cast.bo.user.save()
    decided_after("1m", cast.bo)
    answer = signed_in(cast.ana).get("/reports/approvals/csv?period=7&table=reviewers")
    assert "'=1+1" in answer.content.decode()


def test_who_may_read_it(cast):
    for member, status in [(cast.ana, 200), (cast.bo, 200), (cast.cleo, 403), (cast.dev, 403)]:
        assert signed_in(member).get("/reports/approvals/").status_code == status
    assert "Reports" not in text(signed_in(cast.cleo).get("/inbox/"))
    assert "Reports" in text(signed_in(cast.bo).get("/inbox/"))


@pytest.mark.parametrize("query", ["period=365", "period=x", "period=7&table=secrets"])
def test_unknown_periods_and_tables_are_not_there(cast, query):
    assert signed_in(cast.ana).get(f"/reports/approvals/csv?{query}").status_code == 404


def test_without_a_past_the_page_says_so(cast):
    assert "No decisions in this period" in text(signed_in(cast.ana).get("/reports/approvals/"))


def test_agents_are_told_apart(dispatcher, cast):
    from flowapp.tenancy.actors import Actor

    _, prompt = ask(by=Actor("agent", "atlas", "Atlas", None, None))
    decide(prompt, cast.bo)
    assert [line.name for line in queries.report(7).agents] == ["Atlas"]


def test_what_rules_decide_at_once_is_not_timed(dispatcher, cast):
    decided_after("10m", cast.bo)
    draft = actions.Draft("true", "approve", workflow="asks")
    actions.create_policy(name="All of them", draft=draft, by=factories.actor(cast.ana))
    for _ in range(3):
        runs.start("asks", EXPENSE, by=SYSTEM)
    report = queries.report(7)
    assert (report.total.closed, report.total.approved) == (4, 4)
    assert report.total.times.median == pytest.approx(600, abs=5)
    assert report.workflows[0].times == report.total.times


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.4, "0 s"),
        (59, "59 s"),
        (95, "1 min 35 s"),
        (32_399, "9 h"),
        (86_399, "1 d"),
        (90_100, "1 d 1 h"),
        (5_460, "1 h 31 min"),
    ],
)
def test_times_are_said_as_exactly_as_they_are_read(seconds, words):
    from approvals.views.reports import _took

    assert _took(seconds) == words
