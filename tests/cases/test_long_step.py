"""A long step under a live worker is not reclaimed."""

import pytest

from flowapp import Context, workflow
from flowapp.engine import clock, sweep
from flowapp.engine.lease import Lease
from flowapp.engine.line import claims
from flowapp.engine.models import Run
from flowapp.tenancy.ids import uuid7

pytestmark = pytest.mark.usefixtures("workspace")


@workflow(name="long-step")
async def body(ctx: Context) -> str:
    return "done"


def test_its_heartbeat_keeps_the_run():
    body.start()
    lease = Lease("embedded", ["default"], 1, lost=lambda: None, seconds=15)
    claims.claim(lease.worker_id, ["default"], 1)
    for _ in range(10):
        clock.shift("14s")
        assert lease.renew()
        sweep.sweep()
    assert (Run.objects.get().status, Run.objects.get().fence) == ("running", 1)
    assert not claims.claim(uuid7(), ["default"], 1)
