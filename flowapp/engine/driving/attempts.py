"""What every attempt of a step needs, atomic or not: its context, its result as it is stored, its timeout's error."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from flowapp.engine import codec
from flowapp.engine.errors import BadResult, StepTimeout
from flowapp.engine.verbs.calls import Call


def result_of(call: Call, returned: Any) -> tuple[bytes, Any]:
    """A step's result as it is stored, and as the body gets it: the same now as on replay. Raises BadResult."""
    output = codec.encode(returned)
    try:
        return output, call.decode(output)
    except Exception as wrong:
        raise BadResult(f"step {call.key[0]!r} returned what its annotation does not allow: {wrong}") from wrong


def overran(call: Call) -> StepTimeout:
    """The error of a step that took too long."""
    assert call.step is not None
    return StepTimeout(f"step {call.key[0]!r} took longer than its timeout of {call.step.timeout:g} s")


def in_context() -> Callable[..., Any]:
    """Carries the scope and the step's own facts into another thread."""
    return contextvars.copy_context().run
