"""Steps with a queue: each becomes a small child run on that queue, so that its workers share the work."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db.models import Model

from flowapp.engine import codec, failures
from flowapp.engine.durations import seconds
from flowapp.engine.errors import BadDefinition
from flowapp.engine.registry import StepDefinition, define_step, find, hints, workflow
from flowapp.engine.retry import Retry
from flowapp.engine.states import RunStatus

from . import children
from .calls import WaitTicket

if TYPE_CHECKING:
    from .context import EngineVerbs

WORKFLOW = "flowapp-step"


@dataclass
class RemoteRetry:
    """A retry policy as data; exception classes stay with the step's own declaration."""

    max_attempts: int
    initial: float
    factor: float
    max_delay: float
    jitter: bool
    non_retryable: list[str] = field(default_factory=list)  # "module:Class"


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
    atomic: bool = False
    at_most_once: bool = False
    key: str = ""  # the idempotency key, of the run that asks for it


def job(step: StepDefinition[..., Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Job:
    """The job of a step call. Raises BadDefinition for a function that other processes cannot import."""
    module, qualname = step.fn.__module__, step.fn.__qualname__
    if "<" in qualname:
        raise BadDefinition(f"step {name!r} has a queue, so its function must stand at the top of a module")
    policy = step.retry
    retry = RemoteRetry(
        policy.max_attempts,
        seconds(policy.initial),
        policy.factor,
        seconds(policy.max_delay),
        policy.jitter,
        [f"{error.__module__}:{error.__qualname__}" for error in policy.non_retryable],
    )
    return Job(module, qualname, name, list(args), dict(kwargs), retry, step.timeout, step.atomic, step.at_most_once)


def child_of(work: Job, queue: str, life: str) -> Callable[[WaitTicket], Sequence[Model]]:
    """What opens the wait for a job: the row of its child run."""

    def prepare(ticket: WaitTicket) -> Sequence[Model]:
        return children.open_child(ticket, find(WORKFLOW), replace(work, key=key_of(ticket, life)), queue)

    return prepare


def key_of(ticket: WaitTicket, life: str) -> str:
    """The idempotency key of a step for another worker: the one it would have at home, kept when it is sent again."""
    name, _, count = ticket.key.rpartition("#")
    return f"{life}:{name}:{count}"


def outcome_of(outcome: bytes | None, result_type: Any) -> Any:
    """The step's typed result, or its own exception."""
    if outcome is not None and outcome[:1] == codec.FAILURE:
        head = codec.plain(outcome)
        if head["status"] == RunStatus.FAILED:
            raise failures.rebuild(head["error"])
    return children.child_outcome(outcome, result_type)


@workflow(name=WORKFLOW)
async def remote_step(ctx: EngineVerbs, work: Job) -> Any:
    """Run one step for another run."""
    step = step_of(work)
    args, kwargs = typing_of(step.fn)(work.args, work.kwargs)
    return await ctx._runtime.call_step(step, work.name, args, kwargs, key=work.key)


def step_of(work: Job) -> StepDefinition[..., Any]:
    """The step of a job, as this process knows its function."""
    found = _named(work.module, work.qualname)
    if isinstance(found, StepDefinition):
        found = found.fn
    return define_step(
        found,
        name=work.name,
        retry=_policy(work.retry) if work.retry else None,
        timeout=work.timeout,
        atomic=work.atomic,
        at_most_once=work.at_most_once,
    )


def _policy(retry: RemoteRetry) -> Retry:
    never = tuple(_named(*name.split(":")) for name in retry.non_retryable)
    return Retry(**{**vars(retry), "non_retryable": never})


def _named(module: str, qualname: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


type Typing = Callable[[list[Any], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]


def typing_of(fn: Callable[..., Any]) -> Typing:
    """What makes plain arguments what the function's annotations want."""
    types, signature = hints(fn), inspect.signature(fn)

    def typed(args: list[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            bound.arguments[name] = codec.decode(codec.encode(value), types.get(name, Any))
        return bound.args, bound.kwargs

    return typed
