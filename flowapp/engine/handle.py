"""`Run`: what code holds of a run. Reading an attribute reads the database, in the workspace in scope."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flowapp.tenancy.actors import SYSTEM

if TYPE_CHECKING:
    from .queries import RunDetail, StepRow, WaitRow


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
        return self.detail.status

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
    def waiting_on(self) -> list[WaitRow]:
        """What the run waits for."""
        return self.detail.waiting_on

    @property
    def cost(self) -> Decimal:
        """What the run cost so far, in USD."""
        return self.detail.cost_usd

    def signal(self, name: str, data: Any = None) -> None:
        """Send a named message. Raises IllegalState when the run has ended."""
        from . import runs

        runs.signal(self.id, name, data, by=SYSTEM)

    def cancel(self, reason: str = "") -> None:
        """End the run, its children and its open prompts."""
        from . import runs

        runs.cancel(self.id, by=SYSTEM, reason=reason)

    def pause(self) -> None:
        """Hold the run."""
        from . import runs

        runs.pause(self.id, by=SYSTEM)

    def resume(self) -> None:
        """Let a paused run go on."""
        from . import runs

        runs.resume(self.id, by=SYSTEM)

    def retry(self) -> None:
        """Run again what failed."""
        from . import runs

        runs.retry(self.id, by=SYSTEM)

    def fork(self, from_step: str) -> Run:
        """A new run that reuses what came before a step."""
        from . import runs

        return runs.fork(self.id, from_step, by=SYSTEM)
