"""Turns an outcome into what the body's await returns or raises."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from flowapp.engine import codec, failures, signal_types
from flowapp.engine.errors import ChildNeedsAttention, NeedsAttention
from flowapp.engine.records import Arrival
from flowapp.engine.states import StepStatus
from flowapp.engine.verbs.calls import Call

from .outbox import NOTHING, Entry


def deliver(
    call: Call, status: str, output: bytes | None, error: dict[str, Any] | None, value: Any = NOTHING
) -> NeedsAttention | None:
    """Answer a call; what is returned instead of that stops the run. `value` is the decoded output, if known."""
    if status == StepStatus.FAILED:
        call.future.set_exception(failures.rebuild(error or {"type": "Error", "message": ""}))
    elif status != StepStatus.COMPLETED:
        call.future.cancel()
    elif value is not NOTHING:
        call.future.set_result(value)
    else:
        return _deliver_decoded(call, output)
    return None


def arrived(call: Call, arrival: Arrival) -> Entry:
    """The outcome of a wait. A signal that is not of the type asked for fails it, now and on every replay."""
    output = arrival.outcome or None
    if call.kind == "signal" and output is not None:
        try:
            return Entry(call, StepStatus.COMPLETED, output, None, arrival.arrived_at, value=call.decode(output))
        except ValidationError as wrong:
            error = failures.describe(signal_types.refusal(call.key[0].removeprefix("signal:"), wrong), call.key[0])
            return Entry(call, StepStatus.FAILED, None, error, arrival.arrived_at)
    return Entry(call, StepStatus.COMPLETED, output, None, arrival.arrived_at)


def asked(arrival: Arrival) -> ChildNeedsAttention:
    """What a person is asked when a step or map stopped for one on its queue."""
    child: Any = codec.plain(arrival.outcome)
    message = (child["error"] or {}).get("message", "it needs a person")
    return ChildNeedsAttention(f"{arrival.name!r} stopped on its queue (run {child['run_id']}): {message}")


def _deliver_decoded(call: Call, output: bytes | None) -> NeedsAttention | None:
    try:
        call.future.set_result(call.decode(output))
    except ValidationError as wrong:
        return NeedsAttention(f"the recorded outcome of {call.key[0]!r} no longer fits its type: {wrong}")
    except NeedsAttention as attention:
        return attention
    except Exception as raised:  # a wait's decode raises what the verb promises, such as WaitTimeout
        failures.mark(raised, call.key[0])
        call.future.set_exception(raised)
    return None
