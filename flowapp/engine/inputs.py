"""A workflow's input, compared with the type that its function declares."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from . import codec
from .errors import InvalidInput


def validated(input: Any, type_: Any, *, takes_input: bool) -> tuple[Any, bytes]:
    """The input as its declared type, and as the canonical bytes of that. Raises InvalidInput or NotSerializable."""
    if not takes_input:
        if input is not None:
            raise InvalidInput([{"loc": [], "msg": "this workflow takes no input"}])
        return None, codec.to_bytes(None)
    try:
        value = codec.adapter(type_).validate_json(codec.to_bytes(input))
    except ValidationError as error:
        raise InvalidInput(
            [{"loc": list(e["loc"]), "msg": e["msg"]} for e in error.errors(include_url=False, include_context=False)]
        ) from error
    return value, codec.to_bytes(value)
