"""Steps with a queue: each becomes a small child run on that queue, so that its workers share the work."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from . import children, codec, failures, waits
from .durations import seconds
from .errors import BadDefinition
from .registry import StepDefinition, define_step, find, workflow
from .retry import Retry
from .states import RunStatus

if TYPE_CHECKING:
    from .verbs import EngineVerbs

WORKFLOW = "flowapp-step"


@dataclass
class RemoteRetry:
    """A retry policy as data; exception classes stay with the step's own declaration."""

    max_attempts: int
    initial: float
    factor: float
    max_delay: float
    jitter: bool


@dataclass
class Job:
    """One step for another worker: where its function lives, and its plain arguments."""

    module: str
    qualname: str
    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    retry: RemoteRetry | None = None
    timeout: float | None = None


def job(step: StepDefinition[..., Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Job:
    """The job of a step call. Raises BadDefinition for a function that other processes cannot import."""
    module, qualname = step.fn.__module__, step.fn.__qualname__
    if "<" in qualname:
        raise BadDefinition(f"step {name!r} has a queue, so its function must stand at the top of a module")
    policy = step.retry
    retry = RemoteRetry(
        policy.max_attempts, seconds(policy.initial), policy.factor, seconds(policy.max_delay), policy.jitter
    )
    return Job(module, qualname, name, list(args), dict(kwargs), retry, step.timeout)


def child_of(work: Job, queue: str) -> Callable[[Any], Any]:
    """What opens the wait for a job: the row of its child run."""
    return partial(children.open_child, definition=find(WORKFLOW), input=work, queue=queue)


def outcome_of(outcome: bytes | None, result_type: Any) -> Any:
    """The step's typed result, or its own exception."""
    head, output = waits.unpack_child(outcome or b"")
    if head["status"] == RunStatus.FAILED:
        raise failures.rebuild(typing.cast(dict[str, Any], head["error"]))
    if head["status"] != RunStatus.COMPLETED:
        return children.child_outcome(outcome, result_type)
    return codec.decode(output, result_type)


@workflow(name=WORKFLOW)
async def remote_step(ctx: EngineVerbs, work: Job) -> Any:
    """Run one step for another run."""
    step = _step(work)
    args, kwargs = _typed(step.fn, work)
    return await ctx._runtime.call_step(step, work.name, args, kwargs)


def _step(work: Job) -> StepDefinition[..., Any]:
    found: Any = importlib.import_module(work.module)
    for part in work.qualname.split("."):
        found = getattr(found, part)
    if isinstance(found, StepDefinition):
        found = found.fn
    retry = Retry(**vars(work.retry)) if work.retry else None
    return define_step(found, name=work.name, retry=retry, timeout=work.timeout)


def _typed(fn: Callable[..., Any], work: Job) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as the function's annotations want them."""
    hints = typing.get_type_hints(fn)
    bound = inspect.signature(fn).bind(*work.args, **work.kwargs)
    for name, value in bound.arguments.items():
        bound.arguments[name] = codec.decode(codec.encode(value), hints.get(name, Any))
    return bound.args, bound.kwargs
