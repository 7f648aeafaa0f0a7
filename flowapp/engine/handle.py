"""`Run`: what code holds of a run. Reading an attribute reads the database, in the workspace in scope."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from flowapp.tenancy.actors import SYSTEM, Actor

if TYPE_CHECKING:
    from .queries import EventRow, RunDetail, StepRow, WaitRow


class RunVerbs(Protocol):
    """The engine's verbs on runs (runs.py, which returns handles and so cannot be imported here)."""

    def signal(self, run_id: UUID, name: str, data: Any = None, *, by: Actor) -> Run: ...
    def cancel(self, run_id: UUID, *, by: Actor, reason: str = "") -> Run: ...
    def pause(self, run_id: UUID, *, by: Actor) -> Run: ...
    def resume(self, run_id: UUID, *, by: Actor) -> Run: ...
    def retry(self, run_id: UUID, *, by: Actor) -> Run: ...
    def fork(self, run_id: UUID, from_step: str, *, by: Actor) -> Run: ...


_bound: RunVerbs | None = None


def bind(verbs: RunVerbs) -> None:
    """Give handles their verbs; called once, when Django is ready."""
    global _bound
    _bound = verbs


def _verbs() -> RunVerbs:
    assert _bound is not None, "set up Django first"
    return _bound


@dataclass(frozen=True, slots=True)
class Run:
    """A run by its id; equal when the ids are."""

    id: UUID

    @property
    def detail(self) -> RunDetail:
        """Everything about the run, read now. Raises RunNotFound."""
        from .queries import run_detail

        return run_detail(self.id)

    @property
    def status(self) -> str:
        """Where the run stands (RunStatus)."""
        from .queries import run_state

        return run_state(self.id).status

    @property
    def input(self) -> Any:
        """The input as plain JSON data."""
        return self.detail.input

    @property
    def output(self) -> Any:
        """The output as plain JSON data; None until completed."""
        return self.detail.output

    @property
    def error(self) -> dict[str, Any] | None:
        """Type, message and step of what failed."""
        return self.detail.error

    @property
    def steps(self) -> list[StepRow]:
        """The first 100 steps."""
        return self.detail.steps

    @property
    def events(self) -> list[EventRow]:
        """The first 100 events that it took or sent."""
        from .queries import run_events

        return run_events(self.id)

    @property
    def waiting_on(self) -> list[WaitRow]:
        """What the run waits for."""
        return self.detail.waiting_on

    @property
    def cost(self) -> Decimal:
        """What the run cost so far, in USD."""
        return self.detail.cost_usd

    def signal(self, name: str, data: Any = None) -> None:
        """Send a named message. Raises IllegalState when the run has ended."""
        _verbs().signal(self.id, name, data, by=SYSTEM)

    def cancel(self, reason: str = "") -> None:
        """End the run, its children and its open prompts."""
        _verbs().cancel(self.id, by=SYSTEM, reason=reason)

    def pause(self) -> None:
        """Hold the run."""
        _verbs().pause(self.id, by=SYSTEM)

    def resume(self) -> None:
        """Let a paused run go on."""
        _verbs().resume(self.id, by=SYSTEM)

    def retry(self) -> None:
        """Run again what failed."""
        _verbs().retry(self.id, by=SYSTEM)

    def fork(self, from_step: str) -> Run:
        """A new run that reuses what came before a step."""
        return _verbs().fork(self.id, from_step, by=SYSTEM)
