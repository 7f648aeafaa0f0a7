"""Many events at once: those that nobody listens for make no runs and are looked at together."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flowapp import Context, Event, workflow
from flowapp.dispatch.immediate import ImmediateDispatcher
from flowapp.engine import registry
from flowapp.engine.errors import IdempotencyConflict
from flowapp.engine.models import Event as Row
from flowapp.engine.models import EventKey, Run
from flowapp.engine.triggering import events
from flowapp.engine.triggering.events import New
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.scope import current, scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


async def takes(ctx: Context, data: Any) -> Any:
    return data


@pytest.fixture(autouse=True)
def dispatcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImmediateDispatcher]:
    monkeypatch.setattr(registry, "_workflows", dict(registry._workflows))
    with scoped(factories.workspace("acme").pk), ImmediateDispatcher().installed() as immediate:
        yield immediate


def test_ten_thousand_that_match_nothing_make_no_run():
    workflow(name="elsewhere", triggers=[Event("elsewhere/*")])(takes)
    with CaptureQueriesContext(connection) as queries:
        events.publish_all([New("nobody/listens", {"n": n}) for n in range(10_000)], by=SYSTEM)
    assert (Row.objects.filter(looked=True).count(), EventKey.objects.count(), Run.objects.count()) == (10_000,) * 2 + (
        0,
    )
    looks = [query for query in queries if "INSERT" not in query["sql"]]
    assert len(looks) < 60  # none for each event


def test_those_that_are_listened_for_find_their_runs():
    async def waits(ctx: Context) -> Any:
        return await ctx.wait_for_event("many/paid", match="event.data.n == 7")

    run = workflow(name="waits")(waits).start()
    workflow(name="sevens", triggers=[Event("many/*", when="event.data.n == 7")])(takes)
    done = events.publish_all([New("many/paid", {"n": n}) for n in range(20)], by=SYSTEM)
    assert (run.status, run.output["data"]) == ("completed", {"n": 7})
    assert [run.workflow for run in Run.objects.exclude(id=run.id)] == ["sevens"]
    assert len(events.found_by(done[7].id).matched) == 2
    assert events.found_by(done[8].id).skipped[0]["reason"] == "when is false: event.data.n == 7"


def test_ids_count_once_within_a_batch_and_beside_it():
    first = events.publish("many/x", 1, by=SYSTEM, id="a")
    done = events.publish_all([New("many/x", 1, "a"), New("many/x", 2, "b"), New("many/x", 2, "b")], by=SYSTEM)
    assert [one.duplicate for one in done] == [True, False, True]
    assert done[0].id == first.id
    assert done[1].id == done[2].id
    with pytest.raises(IdempotencyConflict, match="'b'"):
        events.publish_all([New("many/x", 9, "c"), New("many/x", 3, "b")], by=SYSTEM)
    assert Row.objects.count() == 2


def test_the_same_ids_in_opposite_orders_at_once(monkeypatch: pytest.MonkeyPatch):
    """Whoever is second waits for the first; neither waits for the other."""
    workspace, done, news = current(), list[bool](), [New("many/same", n, str(n)) for n in range(4)]
    halfway, insert = threading.Barrier(2), Row.objects.bulk_create

    def in_halves(rows: list[Row]) -> None:
        insert(rows[:2])
        with contextlib.suppress(threading.BrokenBarrierError):
            halfway.wait(0.3)
        insert(rows[2:])

    def publish(news: list[New]) -> None:
        try:
            with scoped(workspace):
                done.extend(one.duplicate for one in events.publish_all(news, by=SYSTEM))
        finally:
            connection.close()

    monkeypatch.setattr(Row.objects, "bulk_create", in_halves)
    threads = [threading.Thread(target=publish, args=(some,)) for some in (news, news[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 4 + [True] * 4
