"""No workspace has more runs running than the cap, and the others go on meanwhile."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flowapp import Context, workflow
from flowapp.engine.lease import Lease
from flowapp.engine.line import caps, claims
from flowapp.engine.models import Run
from flowapp.tenancy.scope import scoped
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@workflow(name="capped")
async def capped(ctx: Context) -> None: ...


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caps, "LOOK_EVERY", 0)


def worker(concurrency: int = 8) -> Lease:
    return Lease("embedded", ["default"], concurrency, lost=lambda: None)


def start(slug: str, count: int) -> None:
    with scoped(factories.workspace(slug).pk):
        for _ in range(count):
            capped.start()


def running() -> dict[str, int]:
    rows = Run.unscoped.filter(status="running").values_list("workspace__slug", flat=True)
    return {slug: list(rows).count(slug) for slug in set(rows)}


def test_a_noisy_workspace_leaves_room(settings):
    settings.FLOWAPP_WORKSPACE_CONCURRENCY = 3
    start("noisy", 10)
    start("quiet", 2)
    first, second = worker(), worker()
    claims.claim(first.worker_id, ["default"], 4)
    claims.claim(second.worker_id, ["default"], 8)
    assert running() == {"noisy": 3, "quiet": 2}
    assert claims.claim(first.worker_id, ["default"], 8) == []
    Run.unscoped.filter(status="running", workspace__slug="noisy").update(status="completed")
    claims.claim(first.worker_id, ["default"], 8)
    assert running() == {"noisy": 3, "quiet": 2}


def test_it_costs_nothing_where_it_cannot_be_reached(settings, monkeypatch: pytest.MonkeyPatch):
    settings.FLOWAPP_WORKSPACE_CONCURRENCY = 10
    start("noisy", 10)
    lease = worker(10)
    assert caps.binding() is None
    monkeypatch.setattr(caps, "LOOK_EVERY", 60)
    with CaptureQueriesContext(connection) as queries:
        assert len(claims.claim(lease.worker_id, ["default"], 10, suspects=False)) == 10
    assert not [query for query in queries if "COUNT" in query["sql"] or "advisory" in query["sql"]]
    worker(1)
    monkeypatch.setattr(caps, "LOOK_EVERY", 0)
    assert caps.binding() == 10
