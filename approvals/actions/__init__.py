"""Everything that changes prompts. Importing it binds their timers and closings to the engine."""

from approvals.actions import timeouts, withdrawal
from approvals.actions.claims import claim, release
from approvals.actions.deciding import decide
from approvals.actions.eligibility import refusal, why_not
from approvals.actions.keys import bound
from approvals.actions.opening import rows
from approvals.actions.reassignment import reassign
from approvals.actions.voting import rescind

__all__ = [
    "bound",
    "claim",
    "decide",
    "reassign",
    "refusal",
    "release",
    "rescind",
    "rows",
    "timeouts",
    "why_not",
    "withdrawal",
]
