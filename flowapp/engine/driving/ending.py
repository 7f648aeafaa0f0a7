"""How a run ends, read from how its body ended."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation

from flowapp.engine import codec, failures, whereabouts
from flowapp.engine.errors import ContinueAsNew, NeedsAttention, NotInBody
from flowapp.engine.models import Run
from flowapp.engine.records import End, Recorded, Write
from flowapp.engine.registry import WorkflowDefinition
from flowapp.engine.replay import Replay
from flowapp.engine.states import RunStatus

logger = logging.getLogger("flowapp.engine")


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


def by_fault(run: Run, error: Exception) -> NeedsAttention:
    """A fault of the engine itself must not leave a run held by a live worker for ever: a person is asked."""
    logger.error("run %s: the engine failed", run.id, exc_info=error, extra=whereabouts.fields(run))
    what = f"{type(error).__name__}: {failures.message(error)}"
    return NeedsAttention(f"the engine failed on this run: {what}")


def undriven(run: Run, error: Exception) -> Write:
    """The end of a run that could not even be taken up."""
    end = End(RunStatus.NEEDS_ATTENTION, error=failures.describe(by_fault(run, error)))
    return Write(run.id, run.workspace_id, run.fence, parent_id=run.parent_id, limit_id=run.limit_id, end=end)


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
