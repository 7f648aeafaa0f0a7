"""Workspaces take turns, whatever the priorities of their runs; priority orders the runs of one workspace."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flowapp import Context, FlowControl, workflow
from flowapp.engine import registry
from flowapp.engine.lease import Lease
from flowapp.engine.line import caps, claims
from flowapp.engine.models import Run
from flowapp.tenancy.scope import scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


async def body(ctx: Context, n: Any) -> Any:
    return n


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_workflows", {})
    monkeypatch.setattr(caps, "_looked_at", float("-inf"))
    yield
    caps._looked_at = float("-inf")


@pytest.fixture
def ordered() -> Any:
    return workflow(name="ordered", control=FlowControl(priority="input.p"))(body)


class Worker:
    """Claims, and is done at once with what it claimed."""

    def __init__(self) -> None:
        self.lease = Lease("embedded", ["default"], 8, lost=lambda: None)

    def take(self, count: int, *, at_once: int = 1) -> list[tuple[str, Any]]:
        """The workspaces and inputs of the next runs."""
        found: list[tuple[str, Any]] = []
        while len(found) < count and (taken := claims.claim(self.lease.worker_id, ["default"], at_once)):
            for one in taken:
                row = Run.unscoped.select_related("workspace").get(pk=one.run.pk)
                found.append((row.workspace.slug, _input(row)))
                Run.unscoped.filter(pk=row.pk).update(status="completed", worker_id=None)
        return found


def _input(row: Run) -> Any:
    from flowapp.engine import codec

    value = codec.plain(row.input)
    return value["n"] if isinstance(value, dict) else value


def start(definition: Any, slug: str, *inputs: Any) -> list[Any]:
    from flowapp.tenancy.models import Workspace

    workspace = Workspace.objects.filter(slug=slug).first() or factories.workspace(slug)
    with scoped(workspace.pk):
        return [definition.start(one).id for one in inputs]


def inputs(p: int, count: int, first: int = 0) -> list[dict[str, int]]:
    return [{"n": n, "p": p} for n in range(first, first + count)]


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize(
    ("noisy", "control"),
    [
        (1000, FlowControl(priority="input.p")),
        (0, None),
        (0, FlowControl(concurrency=50)),
        (-1000, FlowControl(priority="input.p")),
    ],
)
def test_a_noisy_workspace_starves_no_other(noisy: int, control: FlowControl | None, at_once: int):
    definition = workflow(name="fair", control=control)(body)
    start(definition, "noisy", *inputs(noisy, 40))
    start(definition, "quiet", *inputs(0, 3))
    taken = Worker().take(12, at_once=at_once)
    assert [n for slug, n in taken if slug == "quiet"] == [0, 1, 2]
    assert [n for slug, n in taken if slug == "noisy"] == list(range(len(taken) - 3))


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
def test_priority_orders_the_runs_of_a_workspace(ordered: Any, at_once: int):
    """Highest first, the older first among equals, also among those that were overtaken."""
    for p in (0, 5, -3, 5, 0, 9, -3, 0):
        start(ordered, "acme", *inputs(p, 4, first=100 * p))
    start(ordered, "other", *inputs(0, 8))
    expected = [100 * p + n for p in (9, 5, 5, 0, 0, 0, -3, -3) for n in range(4)]
    taken = Worker().take(100, at_once=at_once)
    mine = [n for slug, n in taken if slug == "acme"]
    assert mine == expected
    assert [n for slug, n in taken if slug == "other"] == list(range(8))


def test_who_is_overtaken_keeps_its_workspaces_turns(ordered: Any):
    """A turn goes to the highest of its workspace; how often the workspace comes does not change."""
    start(ordered, "one", *inputs(0, 5))
    start(ordered, "two", *inputs(0, 5, first=50))
    start(ordered, "one", *inputs(7, 5, first=70))
    slugs = [slug for slug, _ in Worker().take(8)]
    assert abs(slugs.count("one") - slugs.count("two")) <= 2
    assert not Run.unscoped.filter(status="completed", overtaken=True).exists()


def test_runs_of_lost_workers_come_before_all_priorities(ordered: Any):
    [lost] = start(ordered, "quiet", {"n": 1, "p": -1000})
    start(ordered, "quiet", *inputs(1000, 2, first=10))
    start(ordered, "noisy", *inputs(1000, 5, first=20))
    Run.unscoped.filter(id=lost).update(rank=claims.EXPIRED_RANK)
    worker = Worker()
    assert worker.take(1) == [("quiet", 1)]
    assert ("quiet", 10) in worker.take(3)


def test_a_turn_goes_to_no_run_of_another_queue(ordered: Any):
    start(ordered, "acme", *inputs(0, 2))
    [elsewhere] = start(ordered, "acme", {"n": 9, "p": 1000})
    Run.unscoped.filter(id=elsewhere).update(queue="elsewhere")
    assert Worker().take(3) == [("acme", 0), ("acme", 1)]


def test_the_cap_counts_turns_whoever_takes_them(ordered: Any, settings: Any, monkeypatch: pytest.MonkeyPatch):
    settings.FLOWAPP_WORKSPACE_CONCURRENCY = 2
    monkeypatch.setattr(caps, "LOOK_EVERY", 0)
    start(ordered, "noisy", *inputs(0, 4))
    start(ordered, "noisy", *inputs(5, 3, first=50))
    start(ordered, "quiet", *inputs(0, 1, first=7))
    worker = Worker()
    taken = claims.claim(worker.lease.worker_id, ["default"], 8)
    assert sorted(_input(one.run) for one in taken) == [7, 50, 51]


def test_those_who_claim_at_once_take_each_run_once(ordered: Any):
    for p in (0, 3, -2, 3):
        start(ordered, "one", *inputs(p, 15, first=100 * p))
        start(ordered, "two", *inputs(-p, 10, first=100 * p))
    taken: list[Any] = []

    def claim() -> None:
        try:
            worker = Worker().lease.worker_id
            while ids := [one.run.id for one in claims.claim(worker, ["default"], 3)]:
                taken.extend(ids)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claims.claim(Worker().lease.worker_id, ["default"], 100)  # what one skipped while another held it
    assert len(taken) == len(set(taken))
    assert Run.unscoped.filter(status="running").count() == 100


def test_without_priorities_a_claim_is_as_cheap_as_it_was():
    plain = workflow(name="plain")(body)
    start(plain, "acme", *range(20))
    worker = Worker()
    caps.binding()
    with CaptureQueriesContext(connection) as queries:
        assert len(claims.claim(worker.lease.worker_id, ["default"], 5, suspects=False)) == 5
    selects = [query["sql"] for query in queries if "engine_run" in query["sql"]]
    # One statement on PostgreSQL (not seen here, beside the rows themselves); on SQLite one look at who is ordered.
    assert len(selects) == (1 if connection.vendor == "postgresql" else 4)
