"""Everything that changes prompts. Importing it binds their timers and closings to the engine."""

from approvals.actions import older_answers, rechecking, standing_in, timeouts, withdrawal
from approvals.actions.bulk import MOST as MOST_AT_ONCE
from approvals.actions.bulk import Came, Result, decide_many
from approvals.actions.channels import deliver
from approvals.actions.claims import claim, release
from approvals.actions.deciding import decide
from approvals.actions.eligibility import refusal, why_not
from approvals.actions.filters import change_filter, delete_filter, rename_filter, save_filter
from approvals.actions.keys import bound, bound_answer
from approvals.actions.opening import rows
from approvals.actions.policies import Draft, check_policy, create_policy, move, save_version, set_enabled, unchecked
from approvals.actions.reassignment import reassign
from approvals.actions.recall import may_withdraw, withdraw
from approvals.actions.trying import trial
from approvals.actions.voting import rescind

__all__ = [
    "MOST_AT_ONCE",
    "Came",
    "Draft",
    "Result",
    "bound",
    "bound_answer",
    "change_filter",
    "check_policy",
    "claim",
    "create_policy",
    "decide",
    "decide_many",
    "delete_filter",
    "deliver",
    "may_withdraw",
    "move",
    "older_answers",
    "reassign",
    "rechecking",
    "refusal",
    "release",
    "rename_filter",
    "rescind",
    "rows",
    "save_filter",
    "save_version",
    "set_enabled",
    "standing_in",
    "timeouts",
    "trial",
    "unchecked",
    "why_not",
    "withdraw",
    "withdrawal",
]
