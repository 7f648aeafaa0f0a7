"""The statuses of runs and steps, and which verb each run status allows."""

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run stands (CONTRACT.md section 1)."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"


class StepStatus(StrEnum):
    """Where a step stands."""

    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})
LIVE = frozenset(RunStatus) - TERMINAL

ALLOWED: dict[str, frozenset[RunStatus]] = {
    "signal": LIVE,
    "pause": frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING}),
    "resume": frozenset({RunStatus.PAUSED}),
    "retry": frozenset({RunStatus.FAILED, RunStatus.NEEDS_ATTENTION}),
    "fork": frozenset(RunStatus),
}


def allows(verb: str, status: str) -> bool:
    """Whether a run in this status accepts the verb. Cancel is always accepted: it does nothing when terminal."""
    return verb == "cancel" or RunStatus(status) in ALLOWED[verb]
