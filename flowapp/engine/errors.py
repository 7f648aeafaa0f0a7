"""Every error the engine raises. A message says what is wrong and what to do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any


class FlowappError(Exception):
    """The base of all errors Flowapp raises on purpose."""


class Fatal(FlowappError):
    """Raise it in a step to fail at once, without further attempts."""


class RetryAfter(FlowappError):
    """Raise it in a step to have the next attempt made after `delay` (a duration), not after the policy's own."""

    def __init__(self, delay: timedelta | str | float, message: str = "") -> None:
        from .durations import seconds

        self.delay = seconds(delay)
        super().__init__(message or f"asked to be tried again in {self.delay:g} s")


class WaitTimeout(FlowappError):
    """A wait ran out before anything arrived, and no default was given."""


class StepTimeout(FlowappError):
    """A step took longer than its timeout."""


class StepFailed(FlowappError):
    """A step failed with an exception whose class cannot be rebuilt here; `.type` and `.message` describe it."""

    def __init__(self, type: str, message: str) -> None:
        self.type, self.message = type, message
        super().__init__(f"{type}: {message}")


class ChildFailed(FlowappError):
    """A child run did not complete; `.run_id`, `.status`, `.type` and `.message` say how it ended."""

    def __init__(self, run_id: str, status: str, type: str, message: str) -> None:
        self.run_id, self.status, self.type, self.message = run_id, status, type, message
        super().__init__(f"child run {run_id} is {status}: {type}: {message}")


class NotInWorkflow(FlowappError):
    """Steps and ctx verbs work only in the body of a running workflow; call `.fn` for the plain function."""


class NotInBody(FlowappError):
    """A workflow's body does no I/O of its own: do this in a step."""


class RunDropped(BaseException):
    """The suspended run was dropped from memory; this code ran only because Python unwinds it. Use no verbs here.

    Not an Exception, so that a body's `except Exception` does not go on after it.
    """


class NotSerializable(FlowappError):
    """A value cannot be stored as JSON; the message names its path."""


class BadResult(FlowappError):
    """A step returned what its own annotation does not allow."""


class PayloadTooLarge(FlowappError):
    """A payload is over the limit; store it elsewhere and pass a reference."""


class UnknownWorkflow(FlowappError):
    """No workflow of this name and version is registered."""


class AlreadyRegistered(FlowappError):
    """Two workflows share a name and version; raise one's version or rename it."""


class BadDefinition(FlowappError):
    """A workflow or step was declared in a way that cannot work; the message names the place."""


class InvalidInput(FlowappError):
    """The input does not fit the workflow; `.errors` holds {"loc": […], "msg": …} for each field."""

    def __init__(self, errors: list[dict[str, Any]], what: str = "the input is not valid") -> None:
        self.errors = errors
        where = "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'input'}: {e['msg']}" for e in errors)
        super().__init__(f"{what}: {where}")


class InvalidSignal(InvalidInput):
    """A signal is not of the type that the run waits for. Its sender is told; of one sent before the wait, the body."""

    def __init__(self, name: str, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors, f"signal {name!r} does not fit what the run waits for")


class StartSkipped(FlowappError):
    """Flow control skipped this start: no run was made; the message says why."""


class RateLimited(StartSkipped):
    """The workflow's rate allows no further start yet; `.retry_after` are the seconds until it does."""

    def __init__(self, message: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class IdempotencyConflict(FlowappError):
    """The idempotency key was used before with another request; use a new key or send the same content."""


class RunNotFound(FlowappError):
    """No run with this id in this workspace."""


class IllegalState(FlowappError):
    """The run's status does not allow this verb."""


class NeedsAttention(FlowappError):
    """The run cannot safely go on by itself: a person must look. Nothing is lost."""

    # The step whose recorded arguments the store adds to the message, and the arguments that the code passes now.
    compare: tuple[tuple[str, int], bytes] | None = None


class ChildNeedsAttention(NeedsAttention):
    """A step or map that this run sent to a queue stopped there and needs a person; a retry of this run retries it."""


class ReplayDiverged(NeedsAttention):
    """The code no longer does what was recorded; the message names both sides."""

    def __init__(self, message: str, *, arguments: bool = False) -> None:
        self.arguments = arguments  # only the arguments differ
        super().__init__(message)


class Fenced(FlowappError):
    """Another worker owns the run, or it was cancelled: this one writes nothing more."""


class ContinueAsNew(BaseException):
    """Ends a body so that its run begins again with a new input; not an Exception, so that bodies do not catch it."""

    def __init__(self, input: Any) -> None:
        self.input = input
        super().__init__()
