"""JSON Schemas that say all of what a Pydantic type demands of a decimal: Pydantic itself leaves its text form open."""

from __future__ import annotations

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

DECIMAL = "decimal"  # the format of a text that holds a decimal number


class ExactSchema(GenerateJsonSchema):
    """Decimals with their digits and places; everything else as Pydantic writes it."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A number within its bounds, or a text of one."""
        number = next(form for form in super().decimal_schema(schema)["anyOf"] if form["type"] == "number")
        return {"anyOf": [number, {"type": "string", "format": DECIMAL, "pattern": _pattern(schema)}]}


def _pattern(schema: core_schema.DecimalSchema) -> str:
    """Which digits a text may have; zeros at either end do not count."""
    digits, places = schema.get("max_digits"), schema.get("decimal_places")
    most = digits if places is None else None if digits is None else max(digits - places, 0)
    before = r"\d*" if most is None else rf"0*\d{{0,{most}}}"
    after = r"\d*" if (most_after := digits if places is None else places) is None else rf"\d{{0,{most_after}}}0*"
    return rf"^[+-]?{before}(\.{after})?$"
