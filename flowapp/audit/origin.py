"""Where the work at hand comes from: channel and request id, for every entry logged meanwhile. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """`channel` is "web", "api", "slack", "email" or the like; `request_id` finds the log lines."""

    channel: str = ""
    request_id: str = ""


_NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("flowapp_origin", default=_NOWHERE)


def origin() -> Origin:
    """Where the work at hand comes from; empty for what nobody asked for."""
    return _origin.get()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Say for this block where its work comes from."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
