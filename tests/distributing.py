"""Which worker runs which tests: the first has those that mostly wait, one group after the other, the rest compute.

Tests that share a server, a browser or a Celery worker stay together. pytest-xdist's own `xdist_group` marks cannot say
so: under pytest 9.2 they do nothing, since a test's id can no longer be changed (pytest-xdist issue 1386).
"""

import os
import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling

# By the tests' ids; what lasts longest comes first.
GROUPS = {
    name: re.compile(ids)
    for name, ids in {
        "torture": r"tests/torture/test_short_torture",
        "browser": r"tests/e2e/",
        "flowapp dev": r"tests/cli/",
        "distributed": r"tests/process/test_celery_on_postgresql",
        "celery": r"tests/cases/(test_flow_control_on_celery|.*\[(.*-)?(celery|process)(-.*)?\]$)",
        "embedded": r"tests/process/test_embedded_on_sqlite",
        "map": r"tests/process/test_map_on_celery",
        "deciders": r"tests/torture/test_short_deciders",
        "processes": r"tests/engine/test_limits_over_processes",
    }.items()
}


WAITING = "gw0"  # two that wait get into the way of those that compute: measured


class FirstWaits(LoadScopeScheduling):  # type: ignore[misc]
    """The groups for the first worker, single tests for the others; whoever has no more of theirs helps out."""

    def _split_scope(self, nodeid: str) -> str:
        return next((name for name, ids in GROUPS.items() if ids.match(nodeid)), nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        grouped = [name for name in GROUPS if name in self.workqueue]
        single = next((scope for scope in self.workqueue if scope not in GROUPS), None)
        if grouped and (single is None or node.gateway.id == WAITING):
            self.workqueue.move_to_end(grouped[0], last=False)
        elif single is not None:
            self.workqueue.move_to_end(single, last=False)
        super()._assign_work_unit(node)


def step_back() -> None:
    """Have a worker that computes let those go first whose time counts: servers, browsers, heartbeats."""
    if os.environ.get("PYTEST_XDIST_WORKER", WAITING) != WAITING:
        os.nice(5)
