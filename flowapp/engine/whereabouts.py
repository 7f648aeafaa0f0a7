"""Which run, step and attempt the code at hand works for: what log lines carry, whoever wrote them."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flowapp.tenancy.actors import Actor

from . import registry

if TYPE_CHECKING:
    from .models import Run
    from .verbs.calls import Call


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A place in a run; in its body, `step` is empty."""

    workspace_id: UUID
    run_id: UUID
    workflow: str
    step: str = ""
    occurrence: int = 0
    attempt: int = 0


_attempt: ContextVar[tuple[Run, Call] | None] = ContextVar("flowapp_whereabouts", default=None)


def fields(run: Run) -> dict[str, str]:
    """The `extra=` of a line that the engine itself says about a run, outside of it."""
    return {"run_id": str(run.id), "workflow": run.workflow}


def enter(run: Run, call: Call) -> None:
    """Say that this context makes an attempt of a step."""
    _attempt.set((run, call))


def current_call() -> Call | None:
    """The step's call whose attempt this context makes, if it makes one."""
    attempt = _attempt.get()
    return attempt[1] if attempt else None


def requester() -> Actor | None:
    """Who asked for the run whose step this context attempts; None outside steps, or when nobody did."""
    attempt = _attempt.get()
    return Actor.from_json(attempt[0].requester) if attempt and attempt[0].requester else None


def here() -> Whereabouts | None:
    """Where this code is; None outside runs, and in a body that only repeats what it did before."""
    if (attempt := _attempt.get()) is not None:
        run, call = attempt
        return Whereabouts(run.workspace_id, run.id, run.workflow, *call.key, call.attempt)
    body: Any = registry.current_runtime.get()
    if body is None or body.replaying:
        return None
    return Whereabouts(body.run.workspace_id, body.run.id, body.run.workflow)
