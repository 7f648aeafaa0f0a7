"""Each filter of runs is answered by an index: nothing is scanned, and nothing is sorted but short lists."""

from datetime import timedelta

import pytest
from django.db import connection

from flowapp.engine import clock, codec
from flowapp.engine.models import Run, SearchTerm
from flowapp.engine.reading import search
from flowapp.engine.reading.search import Filter
from flowapp.tenancy.ids import uuid7_at
from flowapp.tenancy.scope import current

NOW = clock.now()
FILTERS = {
    "all": Filter(),
    "status": Filter(statuses=("failed",)),
    "workflow": Filter(workflow="w3"),
    "both": Filter(workflow="w3", statuses=("failed",)),
    "error": Filter(error="ValueError"),
    "field": Filter(terms={"customer": "c7"}),
    "fields": Filter(terms={"customer": "c7", "tier": "gold"}),
    "time": Filter(since=NOW - timedelta(hours=2), until=NOW),
    "status and time": Filter(statuses=("failed",), since=NOW - timedelta(hours=2)),
}


@pytest.fixture
def filled(cast):
    """Enough runs that a planner has a choice."""
    runs, terms = [], []
    for number in range(3000):
        at = NOW - timedelta(seconds=3000 - number)
        failed = number % 20 == 0
        runs.append(
            Run(
                id=uuid7_at(at),
                workspace_id=current(),
                workflow=f"w{number % 7}",
                status="failed" if failed else "completed",
                error={"type": "ValueError"} if failed else None,
                input=codec.encode(None),
                created_at=at,
                updated_at=at,
                ended_at=at,
            )
        )
        for name, value in (("customer", f"c{number % 100}"), ("tier", "gold" if number % 2 else "basic")):
            terms.append(SearchTerm(workspace_id=current(), run_id=runs[-1].id, name=name, value=value))
    Run.objects.bulk_create(runs)
    SearchTerm.objects.bulk_create(terms)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_answered_by_an_index(filled, name):
    query = search.newest(FILTERS[name], before=uuid7_at(NOW)).only("id")[:51]
    plan = query.explain()
    if connection.vendor == "postgresql":
        assert "Seq Scan" not in plan, plan
    else:
        assert "SCAN" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan
    assert 0 < len(list(query)) <= 51
