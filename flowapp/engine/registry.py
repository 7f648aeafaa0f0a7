"""What `@workflow` and `@step` declare. Pure: importing a module of workflows needs no Django."""

from __future__ import annotations

import contextlib
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, Unpack, cast, overload

from . import declarations, literals, paths
from .codec import adapter
from .durations import Duration, seconds
from .errors import AlreadyRegistered, BadDefinition, NotInWorkflow, UnknownWorkflow
from .limits import Batch, FlowControl, combined
from .retry import ONCE, Retry
from .triggers import Cron, Event, Webhook

if TYPE_CHECKING:
    from asyncio import Future

    from flowapp.testing import TestOptions, TestRun


NO_INPUT: Any = None  # the default of workflows that take none


class Runtime(Protocol):
    """The run that executes the current workflow body, as far as a decorated step needs it."""

    def call_step(
        self, step: StepDefinition[..., Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Future[Any]: ...


@dataclass(slots=True)
class AttemptInfo:
    """What a step function may know about itself: its idempotency key (stable over attempts) and the attempt."""

    idempotency_key: str
    attempt: int


current_runtime: ContextVar[Runtime | None] = ContextVar("flowapp_runtime", default=None)
current_attempt: ContextVar[AttemptInfo] = ContextVar("flowapp_attempt")


@dataclass(eq=False)
class StepDefinition[**P, R]:
    """A function whose outcome is checkpointed. Calling it in a workflow's body runs it as a step."""

    fn: Callable[P, Any]
    name: str
    retry: Retry = ONCE
    timeout: float | None = None  # seconds
    atomic: bool = False
    at_most_once: bool = False
    queue: str | None = None
    is_async: bool = False
    result_type: Any = Any

    def __post_init__(self) -> None:
        if self.timeout == 0:
            raise BadDefinition(f"step {self.name!r}: timeout: no step ends in no time; leave it out to set no limit")
        if not isinstance(self.retry, Retry):
            raise BadDefinition(f"step {self.name!r}: retry: give a Retry(…), not {self.retry!r}")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run as a step of the current run. Raises NotInWorkflow outside a workflow's body."""
        runtime = current_runtime.get()
        if runtime is None:
            raise NotInWorkflow(
                f"step {self.name!r} was called outside a workflow's body (or inside another step); "
                f"call {self.name}.fn(…) for the plain function"
            )
        return runtime.call_step(self, self.name, args, kwargs)


def define_step(
    fn: Callable[..., Any],
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    atomic: bool = False,
    at_most_once: bool = False,
    queue: str | None = None,
) -> StepDefinition[..., Any]:
    """The definition of a step around a plain function. Raises BadDefinition naming what cannot work."""
    label = name or getattr(fn, "__name__", type(fn).__name__)
    if not label or len(label) > 200:
        raise BadDefinition(f"a step needs a name of 1 to 200 characters, not {label!r}")
    is_async = inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004
    if atomic and is_async:
        raise BadDefinition(f"step {label!r}: atomic=True is for sync functions, whose ORM writes share a transaction")
    try:
        limit = None if timeout is None else seconds(timeout)
    except ValueError as error:
        raise BadDefinition(f"step {label!r}: timeout: {error}") from None
    return StepDefinition(
        fn=fn,
        name=label,
        retry=retry or ONCE,
        timeout=limit,
        atomic=atomic,
        at_most_once=at_most_once,
        queue=queue,
        is_async=is_async,
        result_type=_result_type(fn),
    )


decorated: set[str] = set()  # the names of the steps that `@step` made in this process


class _StepDecorator:
    """`@step` and `@step(…)`; inside a running step also `step.idempotency_key` and `step.attempt`."""

    @overload
    def __call__[**P, R](self, fn: Callable[P, Awaitable[R]], /) -> StepDefinition[P, R]: ...
    @overload
    def __call__[**P, R](self, fn: Callable[P, R], /) -> StepDefinition[P, R]: ...
    @overload
    def __call__(
        self,
        *,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        atomic: bool = False,
        at_most_once: bool = False,
        queue: str | None = None,
    ) -> _ConfiguredStep: ...

    def __call__(self, fn: Any = None, /, **options: Any) -> Any:  # type: ignore[misc]  # mypy cannot see through **options
        def make(function: Callable[..., Any]) -> StepDefinition[..., Any]:
            made = define_step(function, **options)
            decorated.add(made.name)
            return made

        return make if fn is None else make(fn)

    @property
    def idempotency_key(self) -> str:
        """run:step:occurrence; the same over all attempts of this step."""
        return self._info().idempotency_key

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._info().attempt

    @staticmethod
    def _info() -> AttemptInfo:
        try:
            return current_attempt.get()
        except LookupError:
            raise NotInWorkflow("step.idempotency_key and step.attempt exist only inside a running step") from None


class _ConfiguredStep(Protocol):
    @overload
    def __call__[**P, R](self, fn: Callable[P, Awaitable[R]], /) -> StepDefinition[P, R]: ...
    @overload
    def __call__[**P, R](self, fn: Callable[P, R], /) -> StepDefinition[P, R]: ...


step = _StepDecorator()


@dataclass(eq=False)
class WorkflowDefinition[I, O]:
    """A registered workflow: its function, its types, and how it is started."""

    fn: Callable[..., Awaitable[O]]
    name: str
    version: int
    input_type: Any
    output_type: Any
    takes_input: bool
    doc: str = ""
    search: Mapping[str, str] = field(default_factory=dict)
    triggers: tuple[Event | Webhook | Cron, ...] = ()
    control: FlowControl | None = None

    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of the input."""
        return adapter(self.input_type).json_schema() if self.takes_input else {"type": "null"}

    def start(self, input: I = NO_INPUT, *, idempotency_key: str | None = None) -> Any:
        """Start a run within the caller's transaction and workspace; returns a Run. See flowapp.engine.runs.start."""
        if _verbs is None:
            raise NotInWorkflow("set up Django before starting a workflow (django.setup())")
        return _verbs.start_definition(self, input, idempotency_key=idempotency_key)

    def test(self, input: I = NO_INPUT, **options: Unpack[TestOptions]) -> Awaitable[TestRun[O]]:
        """Run it in a test: `await workflow.test(input, steps={…}, decisions={…})`. See flowapp.testing."""
        from importlib import import_module

        kit = import_module("flowapp.testing")  # stands on the highest floor and is no part of the product at work
        tested: Awaitable[TestRun[O]] = kit.run_test(self, input, **options)
        return tested


class Verbs(Protocol):
    """What a definition can do once Django is set up; bound by the engine's app."""

    def start_definition(
        self, definition: WorkflowDefinition[Any, Any], input: Any, *, idempotency_key: str | None
    ) -> Any: ...


_verbs: Verbs | None = None
_workflows: dict[tuple[str, int], WorkflowDefinition[Any, Any]] = {}


def bind(verbs: Verbs) -> None:
    """Give definitions their verbs; called once, when Django is ready."""
    global _verbs
    _verbs = verbs


class _WorkflowDecorator(Protocol):
    @overload
    def __call__[I, O](self, fn: Callable[[Any, I], Awaitable[O]], /) -> WorkflowDefinition[I, O]: ...
    @overload
    def __call__[O](self, fn: Callable[[Any], Awaitable[O]], /) -> WorkflowDefinition[None, O]: ...


def workflow(
    *,
    name: str | None = None,
    version: int = 1,
    search: Mapping[str, str] | None = None,
    triggers: Sequence[Event | Webhook | Cron] = (),
    control: FlowControl | None = None,
    batch: Batch | None = None,
) -> _WorkflowDecorator:
    """Register an async function as a workflow. Raises BadDefinition or AlreadyRegistered at import."""

    def decorate(fn: Callable[..., Awaitable[Any]]) -> WorkflowDefinition[Any, Any]:
        title = name or fn.__name__.replace("_", "-")
        definition = _define(fn, title, version, search or {}, tuple(triggers), control, batch)
        known = _workflows.get((definition.name, version))
        if known is not None and _place(known.fn) != _place(fn):
            raise AlreadyRegistered(
                f"workflow {definition.name!r} version {version} is registered twice: {_place(known.fn)} and "
                f"{_place(fn)}; rename one or raise its version"
            )
        _workflows[(definition.name, version)] = definition
        return definition

    return cast(_WorkflowDecorator, decorate)


def all() -> list[WorkflowDefinition[Any, Any]]:
    """Every registered workflow, by name and version."""
    return [_workflows[key] for key in sorted(_workflows)]


def offered() -> list[WorkflowDefinition[Any, Any]]:
    """The newest version of every workflow that people may start; the engine's own only carry parts of these."""
    return [definition for definition in newest() if not _is_own(definition)]


def own() -> list[str]:
    """The names of the engine's own workflows."""
    return [definition.name for definition in newest() if _is_own(definition)]


def _is_own(definition: WorkflowDefinition[Any, Any]) -> bool:
    return definition.fn.__module__.startswith("flowapp.engine.")


def newest() -> list[WorkflowDefinition[Any, Any]]:
    """The newest version of every workflow, by name: the one that triggers start."""
    return list({definition.name: definition for definition in all()}.values())


def known() -> frozenset[tuple[str, int]]:
    """The names and versions of all registered workflows."""
    return frozenset(_workflows)


def label(name: str, version: int) -> str:
    """How a worker's row names a workflow that it has."""
    return f"{name}@{version}"


def find(name: str, version: int | None = None) -> WorkflowDefinition[Any, Any]:
    """The workflow of this name; the newest version unless one is given. Raises UnknownWorkflow."""
    if version is None:
        versions = [number for known, number in _workflows if known == name]
        if not versions:
            raise UnknownWorkflow(f"no workflow is named {name!r}")
        version = max(versions)
    try:
        return _workflows[(name, version)]
    except KeyError:
        known = ", ".join(str(number) for title, number in sorted(_workflows) if title == name) or "none"
        raise UnknownWorkflow(
            f"workflow {name!r} has no version {version} in the code that runs here (it has: {known})"
        ) from None


def _define(
    fn: Callable[..., Awaitable[Any]],
    name: str,
    version: int,
    search: Mapping[str, str],
    triggers: tuple[Event | Webhook | Cron, ...],
    control: FlowControl | None,
    batch: Batch | None,
) -> WorkflowDefinition[Any, Any]:
    if not inspect.iscoroutinefunction(fn):
        raise BadDefinition(f"workflow {name!r} must be an async function")
    if not name or len(name) > 200:
        raise BadDefinition(f"a workflow needs a name of 1 to 200 characters, not {name!r}")
    parameters = list(inspect.signature(fn).parameters.values())
    if not 1 <= len(parameters) <= 2:
        raise BadDefinition(f"workflow {name!r} takes ctx and at most one input, not {len(parameters)} parameters")
    types = hints(fn)
    input_type = types.get(parameters[1].name, Any) if len(parameters) == 2 else None
    _check_search(name, search, input_type)
    try:
        control = combined(control, batch)
        declarations.check(triggers, control, input_type, takes_input=len(parameters) == 2)
        literals.check(fn, parameters[0].name, input_type)
    except BadDefinition as error:
        raise BadDefinition(f"workflow {name!r}: {error}") from None
    return WorkflowDefinition(
        fn=fn,
        name=name,
        version=version,
        input_type=input_type,
        output_type=types.get("return", Any),
        takes_input=len(parameters) == 2,
        doc=inspect.getdoc(fn) or "",
        search=search,
        triggers=triggers,
        control=control,
    )


def _place(fn: Callable[..., Any]) -> str:
    code = getattr(fn, "__code__", None)
    line = f" (line {code.co_firstlineno})" if code else ""
    return f"{fn.__module__}.{fn.__qualname__}{line}"


def _check_search(name: str, search: Mapping[str, str], input_type: Any) -> None:
    for field_name, expression in search.items():
        try:
            paths.check(expression, {"input": input_type})
        except BadDefinition as error:
            raise BadDefinition(f"workflow {name!r}: search {field_name!r}: {error}") from None


def hints(fn: Callable[..., Any]) -> dict[str, Any]:
    """The types of a function's parameters and result, as far as they can be had at run time."""
    try:
        return typing.get_type_hints(fn, include_extras=True)
    except (NameError, TypeError, AttributeError):
        found: dict[str, Any] = {}
        for name, annotation in getattr(fn, "__annotations__", {}).items():
            # An annotation that exists only for the type checker: such values come back as plain JSON data.
            with contextlib.suppress(NameError, TypeError, AttributeError):
                alone = SimpleNamespace(__annotations__={name: annotation})
                found |= typing.get_type_hints(alone, getattr(fn, "__globals__", {}), include_extras=True)
        return found


def _result_type(fn: Callable[..., Any]) -> Any:
    return hints(fn).get("return", Any)
