"""JSON Schemas that keep what is lost on the way: the digits of decimals given as text, the order of members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

ORDER = "x-order"  # the names of an object's members, first to last: databases keep objects in any order
DECIMAL = "decimal"  # the format of a text that holds a decimal number

_LITERAL = frozenset({"default", "const", "enum", "examples"})  # values, not schemas


class ExactSchema(GenerateJsonSchema):
    """Decimals with their digits and places; everything else as Pydantic writes it."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A number within its bounds, or a text of one."""
        number = next(form for form in super().decimal_schema(schema)["anyOf"] if form["type"] == "number")
        return {"anyOf": [number, {"type": "string", "format": DECIMAL, "pattern": _pattern(schema)}]}


def ordered(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, with each object's order of members written down."""
    kept = {key: part if key in _LITERAL else _ordered(part) for key, part in schema.items()}
    members = schema.get("properties")
    if isinstance(members, dict) and schema.get("type") == "object" and ORDER not in schema:
        kept[ORDER] = list(members)
    return kept


def _ordered(part: Any) -> Any:
    if isinstance(part, list):
        return [_ordered(one) for one in part]
    return ordered(part) if isinstance(part, dict) else part


def _pattern(schema: core_schema.DecimalSchema) -> str:
    """Which digits a text may have; zeros at either end do not count."""
    digits, places = schema.get("max_digits"), schema.get("decimal_places")
    most = digits if places is None else None if digits is None else max(digits - places, 0)
    before = r"\d*" if most is None else rf"0*\d{{0,{most}}}"
    after = r"\d*" if (most_after := digits if places is None else places) is None else rf"\d{{0,{most_after}}}0*"
    return rf"^[+-]?{before}(\.{after})?$"
