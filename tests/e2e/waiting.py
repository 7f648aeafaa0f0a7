"""Looking until it is there: the runs of these tests are executed by real threads."""

import time
from typing import Any

from flowapp.engine.handle import Run
from flowapp.tenancy.scope import scoped


def ended(cast: Any, run: Run) -> Any:
    """What the run came to."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with scoped(cast.acme.pk):
            detail = run.detail
        if detail.ended_at:
            return detail
        time.sleep(0.02)
    raise AssertionError(f"the run is still {detail.status}: {detail.waiting_on}")
