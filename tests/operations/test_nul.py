"""What no database stores, typed into addresses and forms: refused or left out, never an error of ours."""

import pytest
from django.test import Client

from flowapp.engine import runs
from flowapp.tenancy.actors import SYSTEM


@pytest.fixture
def ana(dispatcher, cast):
    client = Client(raise_request_exception=False)
    client.force_login(cast.ana.user)
    return client


@pytest.mark.parametrize(
    "query",
    ["?workflow=a%00", "?search=a:%00", "?cursor=%00", "?error=%00", "?status=%00", "?since=%00"],
)
def test_lists_of_runs(ana, query):
    assert ana.get(f"/runs/{query}").status_code in (404, 422)


def test_verbs_on_a_run(ana):
    run = runs.start("ops-waits", None, by=SYSTEM)
    for path in ("fork/?from_step=a%00", "log/?cursor=%00", "steps/?cursor=%00", "family/?cursor=%00"):
        assert 400 <= ana.get(f"/runs/{run.id}/{path}").status_code < 500, path
    assert 400 <= ana.post(f"/runs/{run.id}/fork", {"from_step": "a\0"}).status_code < 500
    assert ana.post(f"/runs/{run.id}/signal", {"name": "no\0", "data": '"\\u0000"'}).status_code < 500
    assert ana.post(f"/runs/{run.id}/cancel", {"reason": "a\0b"}).status_code == 302
    assert run.status == "cancelled"


def test_the_api(dispatcher, call):
    run = runs.start("ops-waits", None, by=SYSTEM)
    assert 400 <= call("GET", f"/runs/{run.id}/fork?from_step=a%00").status_code < 500
    assert 400 <= call("POST", f"/runs/{run.id}/fork", {"from_step": "a\0"}).status_code < 500
    for path in ("runs", "webhooks", "webhook-endpoints", "archived-runs", "runs/bulk", f"runs/{run.id}/log"):
        assert call("GET", f"/{path}?cursor=%00").status_code == 422, path
