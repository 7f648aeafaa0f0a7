"""The append-only, signed log of who did what: `record()` inside an action, `entry()` for rows written elsewhere.

Both are loaded when first used: Django imports this package before it can have models.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .log import entry, record

__all__ = ["entry", "record"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import log

    return getattr(log, name)
