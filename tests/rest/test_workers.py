"""/v1/workers: those that are alive."""

from datetime import timedelta

import pytest

from flowapp.engine import clock
from flowapp.engine.models import Worker


def register(host, alive_for):
    now = clock.now()
    return Worker.objects.create(
        kind="embedded",
        host=host,
        pid=42,
        queues=["default"],
        concurrency=8,
        started_at=now,
        heartbeat_at=now,
        lease_until=now + timedelta(seconds=alive_for),
    )


@pytest.mark.parametrize("count", [1, 3])
def test_live_workers_only(cast, calling, django_assert_num_queries, count):
    key = calling(cast.acme)
    live = [register(f"host-{number}", 15) for number in range(count)]
    register("gone", -1)
    key.get("/workers")
    with django_assert_num_queries(2):  # the key, the workers
        found = key.get("/workers").json()
    assert {one["host"] for one in found["items"]} == {worker.host for worker in live}
    assert set(found["items"][0]) == {
        *("id", "kind", "host", "pid", "queues", "concurrency", "started_at", "heartbeat_at", "lease_until")
    }
    assert found["next"] is None
