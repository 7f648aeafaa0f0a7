"""A map over a thousand items on two Celery workers, one of them killed in the middle: each item once, none lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.process.installation import Installation, Process
from tests.process.stories import ENDED

pytestmark = pytest.mark.own_servers

ITEMS = 1000
IN_FLIGHT = 4 * 8  # slots of a worker, items that a batch has under way at once


@pytest.fixture
def second(distributed: Installation) -> Iterator[Process]:
    """Another worker beside the installation's own."""
    worker = distributed.new_worker("second")
    yield worker
    worker.kill()


def test_each_item_counts_once(distributed: Installation, second: Process) -> None:
    distributed.revive()
    second.start()
    # Both work before it counts: so that the one killed below holds some of the items.
    _finish(distributed, distributed.start_run("squares", 50, "before"))
    run_id = distributed.start_run("squares", ITEMS, "map")
    distributed.until("a third of the items", lambda: _done(distributed, run_id) > ITEMS // 3)
    second.kill()
    run = _finish(distributed, run_id)
    assert (run["status"], run["output"]) == ("completed", sum(number * number for number in range(ITEMS)))
    counts = distributed.ledger.counts(run_id)
    assert len(counts) == ITEMS
    assert sum(counts.values()) - ITEMS <= IN_FLIGHT
    effects = distributed.ledger.effects(run_id)
    assert not [effect for effect in effects if effect.conflict]
    assert len({effect.pid for effect in effects}) == 2


def _done(installation: Installation, run_id: str) -> int:
    waiting = installation.get(f"runs/{run_id}")["waiting_on"]
    return sum(wait["done"] for wait in waiting)


def _finish(installation: Installation, run_id: str) -> dict[str, Any]:
    def over() -> dict[str, Any]:
        run: dict[str, Any] = installation.get(f"runs/{run_id}")
        return run if run["status"] in ENDED else {}

    return installation.until("the run to end", over)
