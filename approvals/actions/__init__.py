"""Everything that changes prompts. Importing it binds their timers and closings to the engine."""

from approvals.actions import timeouts, withdrawal
from approvals.actions.deciding import decide
from approvals.actions.eligibility import refusal, why_not
from approvals.actions.keys import bound
from approvals.actions.opening import rows

__all__ = ["bound", "decide", "refusal", "rows", "timeouts", "why_not", "withdrawal"]
