"""What the engine tells those who measure it: outcomes, ends, claims, commits. Costs nothing while nobody observes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from . import whereabouts

if TYPE_CHECKING:
    from .models import Run
    from .records import CheckpointRow
    from .verbs.calls import Call

logger = logging.getLogger("flowapp.engine")


class Observer(Protocol):
    """Somebody who measures. Called on the engine's own threads: be quick, never wait; what one raises is logged."""

    def attempting(self, run: Run, call: Call) -> None:
        """An attempt of a step begins, in the context in which its function will run."""

    def outcome(self, run: Run, row: CheckpointRow, notes: dict[str, Any] | None) -> None:
        """The outcome of a step or wait is committed; `notes` is what the step said of itself by `annotate`."""

    def ended(self, run: Run, status: str, error: dict[str, Any] | None) -> None:
        """A run ended, or stopped for a person."""

    def claimed(self, count: int) -> None:
        """This process took so many runs at once."""

    def committed(self, writes: int, seconds: float) -> None:
        """So many writes were committed together, in so long."""


observers: list[Observer] = []
_failed: set[tuple[type[Observer], str]] = set()


def observe(observer: Observer) -> None:
    """Have it told from now on."""
    observers.append(observer)


def attempting(run: Run, call: Call) -> None:
    """Pass it on."""
    _each("attempting", lambda observer: observer.attempting(run, call))


def outcome(run: Run, row: CheckpointRow, notes: dict[str, Any] | None) -> None:
    """Pass it on."""
    _each("outcome", lambda observer: observer.outcome(run, row, notes))


def annotate(**attributes: str | float | bool) -> None:
    """Inside a step: say something about it for its span, such as `gen_ai.request.model`."""
    call = whereabouts.current_call()
    if call is not None and observers:
        call.notes = {**(call.notes or {}), **attributes}


def ended(run: Run, status: str, error: dict[str, Any] | None = None) -> None:
    """Pass it on."""
    _each("ended", lambda observer: observer.ended(run, status, error))


def claimed(count: int) -> None:
    """Pass it on."""
    _each("claimed", lambda observer: observer.claimed(count))


def committed(writes: int, seconds: float) -> None:
    """Pass it on."""
    _each("committed", lambda observer: observer.committed(writes, seconds))


def _each(what: str, tell: Callable[[Observer], None]) -> None:
    """Tell every observer; whoever cannot take it stops neither the others nor what is measured."""
    for observer in observers:
        try:
            tell(observer)
        except Exception:
            if (type(observer), what) not in _failed:
                _failed.add((type(observer), what))
                logger.exception("an observer failed at %r; what else it fails at there is not logged", what)
