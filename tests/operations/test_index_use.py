"""Each filter of runs is answered by an index: nothing is scanned, and nothing is sorted but short lists."""

from datetime import timedelta

from django.db import connection, transaction

from flowapp.engine import clock, codec, queries
from flowapp.engine.models import Checkpoint, Run, SearchTerm
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


def _fill():
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


def test_a_filter_is_answered_by_an_index(cast, subtests):
    _fill()  # once: it takes longer than all questions
    for name, chosen in FILTERS.items():
        with subtests.test(name):
            query = search.newest(chosen, before=uuid7_at(NOW)).only("id")[:51]
            plan = query.explain()
            if connection.vendor == "postgresql":
                assert "Seq Scan" not in plan, plan
            else:
                assert "SCAN" not in plan, plan
                assert "TEMP B-TREE" not in plan, plan
            assert 0 < len(list(query)) <= 51


def test_a_page_of_a_long_run_is_found_in_the_key_alone(cast):
    """Not in its rows, which lie all over the table: a run of ten thousand steps opens within a second."""
    now, run = clock.now(), uuid7_at(NOW)
    Run.objects.create(id=run, workflow="w", status="completed", created_at=now, updated_at=now, input=b"")
    Checkpoint.objects.bulk_create(
        Checkpoint(
            workspace_id=current(),
            run_id=run,
            name="count",
            occurrence=seq,
            seq=seq,
            kind="stream" if seq % 10 == 0 else "step",
            status="completed",
            args_hash=b"",
            started_at=now,
            ended_at=now,
            fence=1,
        )
        for seq in range(1, 1501)
    )
    page = queries._places(run, shown=True).filter(seq__gt=500).order_by("seq").values("pk")[:101]
    plan = _plan(page)
    assert ("Index Only Scan using engine_checkpoint_pkey" in plan) == (connection.vendor == "postgresql"), plan
    assert "SCAN engine_checkpoint" not in plan, plan
    steps = queries.step_page(run, cursor="500", shown=True)
    assert ([steps.items[at].seq for at in (0, -1)], len(steps.items), steps.next) == ([501, 611], 100, "611")
    assert (queries.shown_steps(run), queries.last_step_page(run)) == (1350, "1388")


def test_new_checkpoints_are_soon_read_from_the_key_alone(cast):
    """Which PostgreSQL does of pages only that were vacuumed."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'engine_checkpoint'")
            assert "autovacuum_vacuum_insert_scale_factor=0.02" in cursor.fetchone()[0]


def _plan(query):
    """How it is answered where reading the whole table, small here, is out of the question."""
    if connection.vendor != "postgresql":
        return query.explain()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        return query.explain()
