"""What the steps of a case did to the world, in order. A crash does not undo it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flowapp import step

PATIENCE = 20.0

done: list[str] = []
keys: list[str] = []  # the idempotency key that each effect was done with
_gates: dict[str, threading.Event] = {}


def clear() -> None:
    done.clear()
    keys.clear()
    _gates.clear()


def effect(what: str) -> str:
    """Do something that cannot be undone; only inside a step."""
    note(what, step.idempotency_key)
    return what


def note(what: str, key: str) -> None:
    """Write an effect down. A worker in a process of its own has another place for it (shared.py)."""
    done.append(what)
    keys.append(key)


@contextmanager
def closed(gate: str) -> Iterator[threading.Event]:
    """Whoever calls `enter` on this gate stands there until the block ends or the gate is set."""
    _gates[gate] = threading.Event()
    try:
        yield _gates[gate]
    finally:
        _gates[gate].set()


def enter(gate: str) -> None:
    """Go through a gate; it is open unless a case closed it."""
    if gate in _gates:
        assert _gates[gate].wait(PATIENCE), f"the gate {gate} stayed closed"
