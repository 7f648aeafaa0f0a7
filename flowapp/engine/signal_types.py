"""The type that a body wants a signal to be of: kept with its wait, so that a message that does not fit is refused."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import ValidationError

from . import codec
from .errors import InvalidSignal


def named(type_: Any) -> dict[str, str]:
    """What a wait's detail says of a class; nothing of what has no name, such as list[int]."""
    if not isinstance(type_, type) or type_ is object:
        return {}
    return {"type": f"{type_.__module__}:{type_.__qualname__}"}


def check(name: str, wanted: str | None, stored: bytes) -> None:
    """Raise InvalidSignal when this message does not fit; where that type is not known, the body finds out."""
    module, _, qualname = (wanted or "").partition(":")
    type_: Any = sys.modules.get(module)
    for part in qualname.split("."):
        type_ = getattr(type_, part, None)
    if isinstance(type_, type):
        try:
            codec.decode(stored, type_)
        except ValidationError as wrong:
            raise refusal(name, wrong) from None


def refusal(name: str, wrong: ValidationError) -> InvalidSignal:
    """What the sender is told, or the body."""
    errors = wrong.errors(include_url=False, include_context=False, include_input=False)
    return InvalidSignal(name, [{"loc": ["data", *one["loc"]], "msg": one["msg"]} for one in errors])
