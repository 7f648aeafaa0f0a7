"""Why a queued run is not in line: which rule of its workflow's flow control holds it, and until when."""

from __future__ import annotations

from datetime import datetime

from flowapp.engine import clock
from flowapp.engine.models import Run
from flowapp.engine.models.limits import Limit
from flowapp.engine.states import RunStatus


def reason(run: Run) -> tuple[str, datetime | None] | None:
    """The rule, and the moment at which time alone lifts it; None for a run that nothing holds."""
    if run.status != RunStatus.QUEUED or not run.held or run.limit_id is None:
        return None
    limit = Limit.unscoped.filter(pk=run.limit_id).first()
    if limit is not None and limit.pending_id == run.id:
        return "debounce", limit.pending_until
    if limit is not None and limit.next_at is not None and limit.next_at > clock.now():
        return "throttle", limit.next_at
    return "concurrency", None
