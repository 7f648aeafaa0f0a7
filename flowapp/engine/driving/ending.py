"""How a run ends, read from how its body ended."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation

from flowapp.engine import codec, failures
from flowapp.engine.errors import ContinueAsNew, NeedsAttention, NotInBody
from flowapp.engine.records import End, Recorded
from flowapp.engine.registry import WorkflowDefinition
from flowapp.engine.replay import Replay
from flowapp.engine.states import RunStatus


def end_of(main: asyncio.Task[Any], definition: WorkflowDefinition[Any, Any], replay: Replay[Recorded]) -> End:
    """The end of a run whose body is done. Raises NeedsAttention when it did not come past all that is recorded."""
    error = asyncio.CancelledError() if main.cancelled() else main.exception()
    replay.refuse_unreached(_how(error))
    try:
        if isinstance(error, ContinueAsNew):
            data = codec.encode(error.input)
            codec.decode(data, definition.input_type)
            return End(RunStatus.QUEUED, new_input=data)
        if error is not None:
            return End(RunStatus.FAILED, error=failures.describe(_named(error)))
        return End(RunStatus.COMPLETED, output=codec.encode(main.result()))
    except NeedsAttention:
        raise
    except Exception as wrong:  # the output, or the new input, cannot be stored
        return End(RunStatus.FAILED, error=failures.describe(wrong))


def _named(error: BaseException) -> BaseException:
    if not isinstance(error, SynchronousOnlyOperation):
        return error
    where = "the database was called in a workflow's body, which does no I/O of its own: do this in a step"
    return NotInBody(where).with_traceback(error.__traceback__)


def _how(error: BaseException | None) -> str:
    if error is None:
        return "returned"
    return (
        "continued as new"
        if isinstance(error, ContinueAsNew)
        else f"raised {type(error).__name__}: {failures.message(error)}"
    )
