"""Retention: what ended long ago goes in batches, and nothing that is live or evidence ever does."""

from datetime import timedelta

import pytest

from flowapp.audit.models import AuditEntry
from flowapp.engine import clock, codec, runs
from flowapp.engine.models import (
    ArchivedRun,
    Attempt,
    BulkResult,
    Checkpoint,
    Event,
    EventKey,
    LogLine,
    Run,
    SearchTerm,
    Signal,
)
from flowapp.engine.reading import relatives
from flowapp.engine.reading.search import Filter
from flowapp.engine.triggering import events
from flowapp.engine.upkeep import bulk, logbook, outlived, retention
from flowapp.engine.upkeep.retention import BadPolicy
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current, scoped
from tests import factories

from . import flows

ORDER = {"id": "A-1", "customer": "Nordwind", "total": "1"}


def keep(days, *, archive=True):
    retention.set_policy(days=days, archive=archive, by=SYSTEM)


def enforced(shift):
    clock.shift(shift)
    return retention.enforce(30)


def test_a_thousand_runs_go_in_batches_once_their_time_has_come(dispatcher):
    now = clock.now()
    made = Run.objects.bulk_create(
        Run(
            workspace_id=current(),
            workflow="ops-old",
            status=("completed", "failed", "cancelled")[number % 3],
            input=codec.encode(None),
            created_at=now,
            updated_at=now,
            started_at=now,
            ended_at=now,
        )
        for number in range(1000)
    )
    live = runs.start("ops-waits", None, by=SYSTEM)
    keep(30, archive=False)
    assert enforced("29d") == 0
    assert enforced("2d") == 1000
    assert set(Run.objects.values_list("id", flat=True)) == {live.id}
    batches = AuditEntry.objects.filter(verb="runs.deleted", actor_kind="policy")
    assert [entry.after["runs"] for entry in batches] == [retention.BATCH] * (1000 // retention.BATCH)
    assert {entry.after["first"] for entry in batches} <= {str(run.id) for run in made}


def test_everything_of_the_run_goes_with_it_and_evidence_stays(dispatcher, cast):
    from approvals.models import Prompt
    from tests.approvals import making

    run = runs.start("ops-order", ORDER, by=SYSTEM)
    asked, prompt = making.ask(by=factories.actor(cast.ana), type="review", assign=["role:owner"])
    runs.cancel(asked.id, by=SYSTEM)
    logbook.flush()
    audited = AuditEntry.objects.filter(target__in=[f"run:{run.id}", f"run:{asked.id}"]).count()
    keep(1, archive=False)
    assert enforced("2d") == 2
    for table in (Run, Checkpoint, Attempt, LogLine, SearchTerm, Signal):
        assert not table.objects.exists(), table
    assert Prompt.objects.filter(pk=prompt.pk).exists()
    assert AuditEntry.objects.filter(target__in=[f"run:{run.id}", f"run:{asked.id}"]).count() == audited


def test_nothing_of_a_live_family_goes(dispatcher):
    parent = runs.start("ops-parent", [1, -1], by=SYSTEM)
    ended, waiting = relatives.children(parent.id)[0]
    assert (ended.status, waiting.status) == ("completed", "waiting")
    keep(1)
    assert enforced("5d") == 0
    runs.signal(waiting.id, "go", by=SYSTEM)
    assert enforced("5d") == 3
    assert not Run.objects.exists()


def test_a_child_stays_as_long_as_its_parent(dispatcher):
    parent = runs.start("ops-parent", [1, -1], by=SYSTEM)
    last = relatives.children(parent.id)[0][-1]
    keep(10)
    clock.shift("9d")
    runs.signal(last.id, "go", by=SYSTEM)
    assert enforced("3d") == 0  # the parent may be retried, and takes over what its children did
    assert enforced("8d") == 3


def test_one_workspace_that_cannot_be_served_delays_no_other(dispatcher, cast, monkeypatch):
    runs.start("ops-order", ORDER, by=SYSTEM)
    keep(1)
    with scoped(cast.globex.pk):
        runs.start("ops-order", ORDER, by=SYSTEM)
        keep(1)
    archive = retention._archived

    def broken(run):
        if run.workspace_id == cast.acme.pk:
            raise ValueError("a document that cannot be made")
        return archive(run)

    monkeypatch.setattr(retention, "_archived", broken)
    assert enforced("2d") == 1


def test_events_go_once_no_run_is_left_that_could_take_them(dispatcher, cast):
    def publish(count):
        events.publish_all([events.New("ops/x", {"n": n, "of": [{"a": n}]}) for n in range(count)], by=SYSTEM)

    publish(3)
    clock.shift("1h")
    waits = runs.start("ops-waits", None, by=SYSTEM)
    clock.shift("1h")
    publish(2)
    with scoped(cast.globex.pk):
        publish(2)
    keep(10)
    clock.shift("9d")
    publish(1)
    assert enforced("2d") == 0
    assert Event.objects.count() == 3  # those since the start of the run that waits
    assert {key.event_id for key in EventKey.objects.all()} == set(Event.objects.values_list("id", flat=True))
    runs.cancel(waits.id, by=SYSTEM)
    assert enforced("11d") == 1
    retention.enforce(30)
    assert (Event.objects.count(), EventKey.objects.count()) == (0, 0)
    entries = AuditEntry.objects.filter(verb="events.deleted", actor_kind="policy")
    assert [entry.after["events"] for entry in entries.order_by("seq")] == [3, 3]
    with scoped(cast.globex.pk):
        assert (Event.objects.count(), EventKey.objects.count()) == (2, 2)  # it has no policy


def test_an_event_that_nobody_was_told_of_stays(dispatcher):
    events.publish("ops/x", {"n": 1}, by=SYSTEM)
    Event.objects.update(looked=False)
    keep(1)
    enforced("2d")
    assert Event.objects.count() == 1


def test_an_event_that_was_looked_at_in_vain_all_the_time_goes(dispatcher):
    events.publish("ops/x", {"n": 1}, by=SYSTEM)
    Event.objects.update(looked=False, misses=9, look_at=clock.now() + timedelta(days=9), data=b"\x09\0")
    keep(1)
    enforced("2d")
    assert (Event.objects.count(), EventKey.objects.count()) == (0, 0)


def test_events_go_in_batches(dispatcher, monkeypatch):
    monkeypatch.setattr(outlived, "BATCH", 4)
    events.publish_all([events.New("ops/x", n) for n in range(10)], by=SYSTEM)
    keep(1)
    enforced("2d")
    assert not Event.objects.exists()
    assert AuditEntry.objects.filter(verb="events.deleted").count() == 3


def test_what_bulk_verbs_did_goes_with_the_time_of_its_runs(dispatcher, monkeypatch):
    monkeypatch.setattr(outlived, "BATCH", 2)
    for _ in range(5):
        runs.start("ops-waits", None, by=SYSTEM)
    bulk.begin("cancel", Filter(), by=SYSTEM)
    bulk.advance()
    clock.shift("1d")
    runs.start("ops-waits", None, by=SYSTEM)
    running = bulk.begin("cancel", Filter(), by=SYSTEM)
    keep(10)
    assert enforced("9500m") == 0
    assert BulkResult.objects.count() == 5
    assert enforced("4d") == 5
    assert not BulkResult.objects.exists()
    assert [job.id for job in bulk.jobs()[0]] == [running]


def test_what_needs_attention_or_waits_never_goes(dispatcher):
    stuck = runs.start("ops-waits", None, by=SYSTEM)
    Run.objects.filter(id=stuck.id).update(status="needs_attention")
    runs.pause(runs.start("ops-waits", None, by=SYSTEM).id, by=SYSTEM)
    keep(1)
    assert enforced("500d") == 0


def test_an_archived_run_can_be_read_whole(dispatcher, cast, call, signed_in):
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    logbook.flush()
    keep(1)
    enforced("2d")
    assert call("GET", f"/runs/{run.id}").status_code == 404
    [listed] = call("GET", "/archived-runs").json()["items"]
    assert (listed["id"], listed["status"]) == (str(run.id), "completed")
    page = signed_in(cast.dev).get(f"/runs/{run.id}/")
    assert (page.status_code, "charging Nordwind" in page.content.decode()) == (200, True)
    assert signed_in(cast.gil).get(f"/runs/{run.id}/").status_code == 404
    document = call("GET", f"/archived-runs/{run.id}").json()
    assert (document["input"]["customer"], document["output"]) == ("Nordwind", "paid 1")
    assert [step["name"] for step in document["steps"]] == ["pay"]
    assert [line["message"] for line in document["log"]] == ["began", "charging Nordwind"]
    with scoped(cast.globex.pk):
        assert ArchivedRun.objects.count() == 0


def test_an_error_shows_nobody_what_only_raises_it_again(dispatcher, cast, call, signed_in):
    """Neither an archive nor a live run says more of an error, a child's or a batch's, than type, message and step."""
    public = {"type": "Declined", "message": "no money", "step": "pay"}
    child, parent = [runs.start(name, None, by=SYSTEM).id for name in ("ops-declined", "ops-declined-parent")]
    dispatcher.drain(("elsewhere",))
    dispatcher.drain()
    family = [child, parent, *Run.objects.filter(parent_id=parent).values_list("id", flat=True)]
    assert {run.status for run in Run.objects.filter(id__in=family)} == {"failed", "completed"}
    assert len(family) == 4
    paths = [f"/runs/{run}{page}" for run in family for page in ("", "/steps")]
    assert all(flows.CANARY not in call("GET", path).content.decode() for path in paths)
    keep(1)
    assert enforced("2d") == 4
    documents = [call("GET", f"/archived-runs/{run}").json() for run in family]
    assert documents[0]["error"] == documents[0]["steps"][0]["error"] == public
    assert documents[1]["steps"][0]["output"]["error"] == public
    assert documents[1]["steps"][1]["output"]["errors"]["0"] == public | {"step": "decline"}
    assert flows.CANARY not in str(documents)
    assert "flows.py" not in str(documents)


def test_each_workspace_has_its_own_policy(dispatcher, cast):
    runs.start("ops-order", ORDER, by=SYSTEM)
    keep(None)
    with scoped(cast.globex.pk):
        runs.start("ops-order", ORDER, by=SYSTEM)
        keep(1)
    assert enforced("9d") == 1
    assert Run.objects.count() == 1


@pytest.mark.parametrize("days", [0, -1, 36_501])
def test_a_policy_that_cannot_be(cast, days):
    with pytest.raises(BadPolicy):
        keep(days)


def test_owners_and_admins_change_it(dispatcher, cast, signed_in, call):
    ana = signed_in(cast.ana)
    assert ana.post("/operations/retention", {"days": "90", "what": "delete"}).status_code == 302
    assert (retention.policy().days, retention.policy().archive) == (90, False)
    assert AuditEntry.objects.get(verb="retention.changed").after == {"days": 90, "archive": False}
    refused = ana.post("/operations/retention", {"days": "soon", "what": "archive"})
    assert refused.status_code == 422
    assert "is not a number of days" in refused.content.decode()
    assert "soon" in refused.content.decode()
    assert ana.post("/operations/retention", {"days": "", "what": "archive"}).status_code == 302
    assert retention.policy().days is None
    assert signed_in(cast.bo).post("/operations/retention", {"days": "1"}).status_code == 403
    assert call("PUT", "/retention", {"days": 7}, who=cast.ana).json()["days"] == 7
    assert call("GET", "/retention").json()["archive"] is True
    assert call("PUT", "/retention", {"days": 0}, who=cast.ana).status_code == 422
    assert call("PUT", "/retention", {"days": 1}, who=cast.bo).status_code == 403
