"""The kinds of waits: what happens in the transaction that opens one, and in the one that closes it unanswered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from .models import Run, Wait

type Opened = Callable[[Run, Wait], None]
type Closed = Callable[[UUID, UUID, Sequence[str]], None]

_opened: dict[str, Opened] = {}
_closed: dict[str, Closed] = {}
_given_back: dict[str, Opened] = {}


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


def on_given_back(kind: str) -> Callable[[Opened], Opened]:
    """Register what runs, under the run's lock, when the body gave up a wait whose answer had arrived untaken."""

    def decorate(function: Opened) -> Opened:
        _given_back[kind] = function
        return function

    return decorate


def opened(run: Run, wait: Wait) -> None:
    """Tell the wait's kind that it opened."""
    if function := _opened.get(wait.kind):
        function(run, wait)


def given_back(run: Run, wait: Wait) -> None:
    """Tell the wait's kind that what arrived for it was not taken."""
    if function := _given_back.get(wait.kind):
        function(run, wait)


def closed(workspace_id: UUID, run_id: UUID, waits: Sequence[tuple[str, str, int]]) -> None:
    """Tell the kinds of these (kind, name, occurrence) that they closed unanswered."""
    for kind in {kind for kind, _, _ in waits}:
        if function := _closed.get(kind):
            function(workspace_id, run_id, [f"{name}#{count}" for known, name, count in waits if known == kind])


def pack_child(head: bytes, output: bytes | memoryview | None) -> bytes:
    """A child's end as a wait's outcome: a JSON head, then its stored output untouched."""
    return len(head).to_bytes(4) + head + bytes(output or b"")


def unpack_child(outcome: bytes) -> tuple[dict[str, object], bytes]:
    """The head and the stored output of a child's end."""
    size = int.from_bytes(outcome[:4])
    return json.loads(outcome[4 : 4 + size]), outcome[4 + size :]
