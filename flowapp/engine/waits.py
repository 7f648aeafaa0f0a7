"""The kinds of waits: what happens in the transaction that opens one, and in the one that closes it unanswered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from .models import Run, Wait

type Opened = Callable[[Run, Wait], None]
type Closed = Callable[[UUID, UUID, Sequence[str]], None]
type GivenBack = Callable[[Run, str], None]

_opened: dict[str, Opened] = {}
_closed: dict[str, Closed] = {}
_given_back: dict[str, GivenBack] = {}


def on_opened(kind: str) -> Callable[[Opened], Opened]:
    """Register what runs, under the run's lock, when a wait of this kind opens (it may find its answer at once)."""

    def decorate(function: Opened) -> Opened:
        _opened[kind] = function
        return function

    return decorate


def on_closed(kind: str) -> Callable[[Closed], Closed]:
    """Register `fn(workspace_id, run_id, keys)`: what happens to a room's own rows when their waits close unanswered.

    It runs in the closing transaction, on the engine's connection; a key is "name#occurrence".
    """

    def decorate(function: Closed) -> Closed:
        _closed[kind] = function
        return function

    return decorate


def on_given_back(kind: str) -> Callable[[GivenBack], GivenBack]:
    """Register `fn(run, key)`: what happens, under the run's lock, when the body gave up a wait whose answer was there.

    It may be called again for the same wait.
    """

    def decorate(function: GivenBack) -> GivenBack:
        _given_back[kind] = function
        return function

    return decorate


def opened(run: Run, wait: Wait) -> None:
    """Tell the wait's kind that it opened."""
    if function := _opened.get(wait.kind):
        function(run, wait)


def gives_back(kind: str) -> bool:
    """Whether what arrived for a wait of this kind is of use to others when the wait does not take it."""
    return kind in _given_back


def given_back(kind: str, run: Run, name: str, occurrence: int) -> None:
    """Tell the wait's kind that what arrived for it was not taken."""
    if function := _given_back.get(kind):
        function(run, f"{name}#{occurrence}")


def closed(workspace_id: UUID, run_id: UUID, waits: Sequence[tuple[str, str, int]]) -> None:
    """Tell the kinds of these (kind, name, occurrence) that they closed unanswered."""
    for kind in {kind for kind, _, _ in waits}:
        if function := _closed.get(kind):
            function(workspace_id, run_id, [f"{name}#{count}" for known, name, count in waits if known == kind])
