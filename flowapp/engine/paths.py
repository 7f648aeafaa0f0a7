"""The paths an expression reads (`input.order.id`), checked against the type of what they read from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import PydanticUserError

from .codec import adapter
from .errors import BadDefinition

_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_PATH = r"(?<![\w.]){root}((?:\.\w+)+)(\s*\()?"


def check(source: str, types: Mapping[str, Any]) -> None:
    """Look up every path that starts at one of these roots ("input", "event.data") in the type that stands there.

    Raises BadDefinition naming the path and what is there instead. What a type leaves open is not refused.
    """
    code = _TEXT.sub('""', source)
    for root, type_ in types.items():
        for found in re.finditer(_PATH.format(root=re.escape(root)), code):
            names = found[1].strip(".").split(".")
            _look_up(source, root, names[:-1] if found[2] else names, type_)


def _look_up(source: str, root: str, names: list[str], type_: Any) -> None:
    found = [_missing(source, root, names, schema) for schema in _schemas(type_)]
    if found and all(found):
        raise BadDefinition(found[0])


def _schemas(type_: Any) -> Iterator[dict[str, Any]]:
    """Of the values as they come in, and by the names that the code uses for them."""
    try:
        for by_alias in (True, False):
            yield adapter(type_).json_schema(by_alias=by_alias)
    except (PydanticUserError, NameError):
        return  # a type that is not whole yet, or has no schema


def _missing(source: str, root: str, names: list[str], schema: dict[str, Any]) -> str:
    here, at = schema, root
    for name in names:
        here = _resolved(here, schema)
        if not _is_closed(here):
            return ""
        known = here["properties"]
        if name not in known:
            return f"the expression {source!r} reads {at}.{name}; {at} has {', '.join(known)}"
        here, at = known[name], f"{at}.{name}"
    return ""


def _resolved(here: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in here:
        here = schema["$defs"][here["$ref"].rpartition("/")[2]]
    return here


def _is_closed(here: dict[str, Any]) -> bool:
    """Whether it lists all it may have: an object of known fields, not a union or a mapping."""
    return here.get("type") == "object" and bool(here.get("properties")) and not here.get("additionalProperties")
