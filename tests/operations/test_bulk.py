"""Bulk verbs: every run of a filter once, whatever happens meanwhile, with a result for each."""

import pytest
from django.db import DataError, OperationalError

from flowapp.audit.models import AuditEntry
from flowapp.engine import queries, runs
from flowapp.engine.errors import IllegalState
from flowapp.engine.models import BulkJob, BulkResult, Run
from flowapp.engine.reading.search import Filter
from flowapp.engine.upkeep import bulk
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import scoped
from tests import factories

from . import flows


def failed_orders(count):
    flows.FAILING.add("Broke AG")
    made = [
        runs.start("ops-order", {"id": str(number), "customer": "Broke AG", "total": "1"}, by=SYSTEM).id
        for number in range(count)
    ]
    flows.FAILING.clear()
    return made


def waiting(count):
    return [runs.start("ops-waits", None, by=SYSTEM).id for _ in range(count)]


def stands(ids):
    return {queries.statuses([one])[one] for one in ids}


def test_retry_every_failed_run_of_a_workflow(dispatcher, cast):
    failed, live = failed_orders(3), waiting(2)
    job = bulk.begin("retry", Filter(workflow="ops-order"), by=factories.actor(cast.bo), reason="they have money now")
    assert bulk.job(job).total == 3
    assert not bulk.advance()
    assert (stands(failed), stands(live)) == ({"completed"}, {"waiting"})
    done = bulk.job(job)
    assert (done.status, done.succeeded, done.refused) == ("completed", 3, 0)
    assert [result.run_id for result in bulk.results(job)[0]] == failed
    retried = AuditEntry.objects.filter(verb="run.retried")
    assert {entry.actor_label for entry in retried} == {"Bo"}


def test_cancel_tells_the_reason_to_each_run(dispatcher, cast):
    live = waiting(3)
    bulk.begin("cancel", Filter(), by=factories.actor(cast.bo), reason="wrong batch")
    bulk.advance()
    assert stands(live) == {"cancelled"}
    assert {entry.reason for entry in AuditEntry.objects.filter(verb="run.cancelled")} == {"wrong batch"}


def test_what_came_into_the_filter_meanwhile_counts_in_the_total(dispatcher):
    failed, _ = failed_orders(3), waiting(1)
    cancel = bulk.begin("cancel", Filter(), by=SYSTEM)
    assert bulk.job(cancel).total == 1
    Run.objects.filter(id__in=failed).update(status="waiting")  # as retried runs are that go on to wait
    bulk.advance()
    done = bulk.job(cancel)
    assert (done.status, done.succeeded, done.refused, done.total) == ("completed", 4, 0, 4)
    ended = AuditEntry.objects.get(verb="runs.bulk-completed")
    assert ended.after == {"succeeded": 4, "refused": 0, "of": 4}


def test_a_run_that_does_not_take_the_verb_says_why_and_the_rest_goes_on(dispatcher, monkeypatch):
    first, second, third = failed_orders(3)
    retry = runs.retry

    def stubborn(run_id, *, by):
        if run_id == second:
            raise IllegalState("it does not want to")
        return retry(run_id, by=by)

    monkeypatch.setattr(runs, "retry", stubborn)
    job = bulk.begin("retry", Filter(), by=SYSTEM)
    bulk.advance()
    assert (bulk.job(job).succeeded, bulk.job(job).refused) == (2, 1)
    [refused], _ = bulk.results(job, refused=True)
    assert (refused.run_id, refused.message) == (second, "it does not want to")
    assert stands([first, third]) == {"completed"}


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_kill_repeats_nothing_and_leaves_out_nothing(dispatcher, monkeypatch, after):
    """The process dies in the middle of a run's transaction; another goes on from the job's row."""
    live = waiting(3)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    calls, do = [], bulk._do

    class Killed(BaseException):
        pass

    def dies(row, run_id):
        do(row, run_id)
        calls.append(run_id)
        if len(calls) == after + 1:
            raise Killed

    monkeypatch.setattr(bulk, "_do", dies)
    with pytest.raises(Killed):
        bulk.advance()
    assert BulkResult.objects.count() == after
    monkeypatch.setattr(bulk, "_do", do)
    bulk.advance()
    assert [result.run_id for result in bulk.results(job)[0]] == live
    assert (bulk.job(job).succeeded, stands(live)) == (3, {"cancelled"})
    assert AuditEntry.objects.filter(verb="run.cancelled").count() == 3


def test_a_second_worker_at_the_same_job_does_nothing_twice(dispatcher):
    live = waiting(3)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    stale = BulkJob.objects.get(id=job)
    bulk._one(BulkJob.objects.get(id=job), live[0])
    assert not bulk._one(stale, live[0])
    bulk.advance()
    assert (bulk.job(job).succeeded, BulkResult.objects.count()) == (3, 3)


def test_a_run_that_cannot_be_stored_is_refused_and_stops_nothing(dispatcher, cast, monkeypatch):
    """A DataError comes again however often it is tried."""
    first, _ = waiting(2)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    with scoped(cast.globex.pk):
        theirs = waiting(1)
        their_job = bulk.begin("cancel", Filter(), by=SYSTEM)
    cancel = runs.cancel

    def unstorable(run_id, **more):
        if run_id == first:
            raise DataError("never storable")
        return cancel(run_id, **more)

    monkeypatch.setattr(runs, "cancel", unstorable)
    assert not bulk.advance()
    assert (bulk.job(job).status, bulk.job(job).succeeded, bulk.job(job).refused) == ("completed", 1, 1)
    with scoped(cast.globex.pk):
        assert (bulk.job(their_job).status, stands(theirs)) == ("completed", {"cancelled"})


def test_one_job_that_cannot_go_on_delays_no_other(dispatcher, cast, monkeypatch):
    live = waiting(1)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    with scoped(cast.globex.pk):
        theirs = waiting(1)
        bulk.begin("cancel", Filter(), by=SYSTEM)
    following = bulk._next

    def broken(row):
        if row.id == job:
            raise ValueError("a filter that cannot be read")
        return following(row)

    monkeypatch.setattr(bulk, "_next", broken)
    assert not bulk.advance()
    with scoped(cast.globex.pk):
        assert stands(theirs) == {"cancelled"}
    monkeypatch.setattr(bulk, "_next", following)
    assert not bulk.advance()
    assert stands(live) == {"cancelled"}


def test_a_database_that_is_away_fails_no_run(dispatcher, monkeypatch):
    live = waiting(1)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)

    def away(*_, **__):
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "cancel", away)
        with pytest.raises(OperationalError):
            bulk.advance()
    assert (bulk.job(job).done, stands(live)) == (0, {"waiting"})
    bulk.advance()
    assert stands(live) == {"cancelled"}


def test_runs_that_start_later_are_left_alone(dispatcher):
    waiting(1)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    late = waiting(1)
    bulk.advance()
    assert (bulk.job(job).done, stands(late)) == (1, {"waiting"})


def test_a_job_that_was_stopped_does_nothing_more(dispatcher, cast):
    live = waiting(2)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    bulk.stop(job, by=factories.actor(cast.bo))
    bulk.advance()
    assert (bulk.job(job).status, stands(live)) == ("stopped", {"waiting"})


def test_nothing_to_do_is_said_before_it_begins(dispatcher):
    waiting(1)
    for where in (Filter(workflow="ops-order"), Filter(statuses=("completed",))):
        with pytest.raises(bulk.NothingToDo):
            bulk.begin("retry", where, by=SYSTEM)
    assert not BulkJob.objects.exists()


def test_in_batches_and_over_workspaces(dispatcher, cast, monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 2)
    live = waiting(5)
    bulk.begin("cancel", Filter(), by=SYSTEM)
    with scoped(cast.globex.pk):
        theirs = waiting(3)
        bulk.begin("cancel", Filter(), by=SYSTEM)
    bulk.advance()
    assert stands(live) == {"cancelled"}
    with scoped(cast.globex.pk):
        assert stands(theirs) == {"cancelled"}


def test_the_worker_works_it_through(embedded_worker, cast):
    from tests.cli.devserver import until

    live = waiting(4)
    until("waiting", lambda: stands(live) == {"waiting"})
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    until("the job's end", lambda: bulk.job(job).status == "completed")
    assert stands(live) == {"cancelled"}


# -- pages ------------------------------------------------------------------------------------------------------------


def test_the_page_before_says_how_many(dispatcher, cast, signed_in):
    failed_orders(3)
    client = signed_in(cast.bo)
    page = client.get("/runs/bulk/new/retry?workflow=ops-order&search=customer:Broke+AG").content.decode()
    assert "Retry 3 runs?" in page
    begun = client.post("/runs/bulk/new/retry?workflow=ops-order", {"reason": "again\0"})
    assert begun.status_code == 302
    bulk.advance()
    page = client.get(begun["Location"]).content.decode()
    assert "3 of 3" in page
    assert "again" in page
    assert "ops-order" in client.get("/runs/bulk/").content.decode()


def test_pages_for_nothing_and_for_those_who_may_not(dispatcher, cast, signed_in):
    bo = signed_in(cast.bo)
    assert "Nothing to retry" in bo.get("/runs/bulk/new/retry").content.decode()
    assert bo.post("/runs/bulk/new/retry").status_code == 409
    assert "is not a time" in bo.get("/runs/bulk/new/cancel?since=soon").content.decode()
    assert bo.get("/runs/bulk/new/explode").status_code == 404
    for member in (cast.cleo, cast.dev):
        assert signed_in(member).post("/runs/bulk/new/cancel").status_code == 403
        assert "Bulk actions…" not in signed_in(member).get("/runs/").content.decode()
    assert bo.get("/runs/bulk/00000000-0000-7000-8000-000000000000/").status_code == 404


@pytest.mark.parametrize("count", [1, 3])
def test_the_results_take_as_many_queries_for_three_as_for_one(
    dispatcher, cast, signed_in, count, django_assert_num_queries
):
    waiting(count)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    bulk.advance()
    client = signed_in(cast.dev)
    client.get(f"/runs/bulk/{job}/")
    with django_assert_num_queries(9):  # the frame's six; the job, its results, their runs
        page = client.get(f"/runs/bulk/{job}/")
    assert len(page.context["rows"]) == count


def test_stopping_from_the_page(dispatcher, cast, signed_in):
    waiting(1)
    job = bulk.begin("cancel", Filter(), by=SYSTEM)
    client = signed_in(cast.bo)
    assert "Stop here" in client.get(f"/runs/bulk/{job}/").content.decode()
    client.post(f"/runs/bulk/{job}/stop")
    assert bulk.job(job).status == "stopped"


# -- API --------------------------------------------------------------------------------------------------------------


def test_the_api_counts_begins_and_reports(dispatcher, cast, call):
    failed = failed_orders(2)
    body = {"verb": "retry", "where": {"workflow": "ops-order", "status": ["failed"]}}
    dry = call("POST", "/runs/bulk", body | {"dry_run": True})
    assert (dry.status_code, dry.json()["total"], dry.json()["id"]) == (200, 2, None)
    begun = call("POST", "/runs/bulk", body, who=cast.bo)
    assert (begun.status_code, begun.json()["status"], begun.json()["by"]["name"]) == (202, "running", "Bo")
    bulk.advance()
    address = f"/runs/bulk/{begun.json()['id']}"
    assert call("GET", address).json()["succeeded"] == 2
    first = call("GET", f"{address}/results?limit=1").json()
    second = call("GET", f"{address}/results?cursor={first['next']}").json()
    assert [one["run_id"] for one in first["items"] + second["items"]] == [str(one) for one in failed]
    assert call("GET", "/runs/bulk").json()["items"][0]["status"] == "completed"
    assert Run.objects.filter(status="completed").count() == 2


def test_the_api_refuses(dispatcher, cast, call):
    assert call("POST", "/runs/bulk", {"verb": "retry"}).json()["type"] == "illegal-state"
    assert call("POST", "/runs/bulk", {"verb": "delete"}).status_code == 422
    assert call("POST", "/runs/bulk", {"verb": "retry", "where": {"search": ["x:1"]}}).status_code == 422
    assert call("POST", "/runs/bulk", {"verb": "cancel"}, who=cast.cleo).status_code == 403
    unknown = "/runs/bulk/00000000-0000-7000-8000-000000000000"
    for method, path in (("GET", unknown), ("GET", f"{unknown}/results"), ("POST", f"{unknown}/stop")):
        assert call(method, path).status_code == 404
