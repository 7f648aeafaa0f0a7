"""Flowapp's public names, loaded when first used, so that importing flowapp needs no Django set up."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what the table below loads, as type checkers and editors see it
    from approvals.states import ESCALATE as ESCALATE
    from approvals.states import Attachment as Attachment
    from approvals.states import Decision as Decision
    from approvals.states import PromptExpired as PromptExpired
    from flowapp.context import Context as Context
    from flowapp.engine.errors import ChildFailed as ChildFailed
    from flowapp.engine.errors import Fatal as Fatal
    from flowapp.engine.errors import InvalidSignal as InvalidSignal
    from flowapp.engine.errors import NotInWorkflow as NotInWorkflow
    from flowapp.engine.errors import RateLimited as RateLimited
    from flowapp.engine.errors import RetryAfter as RetryAfter
    from flowapp.engine.errors import StartSkipped as StartSkipped
    from flowapp.engine.errors import StepFailed as StepFailed
    from flowapp.engine.errors import WaitTimeout as WaitTimeout
    from flowapp.engine.handle import Run as Run
    from flowapp.engine.limits import Batch as Batch
    from flowapp.engine.limits import FlowControl as FlowControl
    from flowapp.engine.registry import step as step
    from flowapp.engine.registry import workflow as workflow
    from flowapp.engine.retry import Retry as Retry
    from flowapp.engine.triggers import Cron as Cron
    from flowapp.engine.triggers import Event as Event
    from flowapp.engine.triggers import Webhook as Webhook

# Public name -> the module that defines it. One table, so that a name costs nothing until somebody asks for it.
_HOMES: dict[str, str] = {
    "Batch": "flowapp.engine.limits",
    "Attachment": "approvals.states",
    "ChildFailed": "flowapp.engine.errors",
    "Context": "flowapp.context",
    "Cron": "flowapp.engine.triggers",
    "Decision": "approvals.states",
    "ESCALATE": "approvals.states",
    "Event": "flowapp.engine.triggers",
    "Fatal": "flowapp.engine.errors",
    "FlowControl": "flowapp.engine.limits",
    "InvalidSignal": "flowapp.engine.errors",
    "NotInWorkflow": "flowapp.engine.errors",
    "PromptExpired": "approvals.states",
    "RateLimited": "flowapp.engine.errors",
    "Retry": "flowapp.engine.retry",
    "RetryAfter": "flowapp.engine.errors",
    "Run": "flowapp.engine.handle",
    "StartSkipped": "flowapp.engine.errors",
    "StepFailed": "flowapp.engine.errors",
    "WaitTimeout": "flowapp.engine.errors",
    "Webhook": "flowapp.engine.triggers",
    "step": "flowapp.engine.registry",
    "workflow": "flowapp.engine.registry",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
