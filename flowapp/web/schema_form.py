"""A form made from a JSON Schema: which fields it has, what was typed into them, and what that means as JSON.

Fields are named by their path ("order.lines"). What a form cannot show (lists, free-form objects) is a JSON field.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

type Schema = Mapping[str, Any]

WHOLE: Final = "input"  # the field's name when the whole input is one value
_KINDS: Final = {"integer": "number", "number": "number", "boolean": "checkbox"}
_FORMATS: Final = {"date": "date", "date-time": "datetime-local", "time": "time", "email": "email", "uri": "url"}
_LONG: Final = 500  # characters from which on a text gets several lines
_DEPTH: Final = 4


@dataclass(frozen=True)
class Field:
    """One control. `kind` is an HTML input type, or select, textarea, decimal, json or group."""

    name: str
    label: str
    kind: str
    required: bool = False
    hint: str = ""
    options: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    error: str = ""
    fields: Sequence[Field] = ()
    nullable: bool = False

    @property
    def id(self) -> str:
        """The control's id on the page."""
        return f"field-{self.name.replace('.', '-')}"


class Unreadable(ValueError):
    """What was typed cannot become JSON; `.errors` is like the engine's: {"loc", "msg"}."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__("; ".join(error["msg"] for error in errors))


def fields(schema: Schema) -> list[Field]:
    """The form's fields, with the schema's defaults in them; none for a workflow without input."""
    top = _resolve(schema, schema)
    if top.get("type") == "null":
        return []
    if top.get("type") == "object" and top.get("properties"):
        return _members(top, schema, (), 0)
    return [_field((WHOLE,), top, schema, required=True, depth=0)]


def filled(known: Iterable[Field], typed: Mapping[str, str], errors: Iterable[Mapping[str, Any]]) -> list[Field]:
    """The same fields with what was typed and what is wrong with it. An error within a field counts as the field's."""
    wrong = [(".".join(str(part) for part in error["loc"]), str(error["msg"])) for error in errors]
    return [_filled(one, typed, wrong) for one in known]


def unplaced(known: Iterable[Field], errors: Iterable[Mapping[str, Any]]) -> list[str]:
    """The errors that belong to no field."""
    names = [one.name for one in _leaves(known)]
    places = [(".".join(str(part) for part in error["loc"]), str(error["msg"])) for error in errors]
    return [f"{place}: {message}".removeprefix(": ") for place, message in places if not _owner(place, names)]


def read(known: Sequence[Field], typed: Mapping[str, str]) -> Any:
    """What was typed as the workflow's input. Raises Unreadable for JSON that does not parse."""
    if not known:
        return None
    errors: list[dict[str, Any]] = []
    values = _read_members(known, typed, errors)
    if errors:
        raise Unreadable(errors)
    return values.get(WHOLE) if [one.name for one in known] == [WHOLE] else values


def _members(schema: Schema, root: Schema, path: tuple[str, ...], depth: int) -> list[Field]:
    required = set(schema.get("required", ()))
    return [
        _field((*path, name), _resolve(part, root), root, required=name in required, depth=depth)
        for name, part in schema["properties"].items()
    ]


def _field(path: tuple[str, ...], schema: Schema, root: Schema, *, required: bool, depth: int) -> Field:
    plain, nullable = _without_null(schema, root)
    made = Field(
        name=".".join(path),
        label=str(schema.get("title") or path[-1].replace("_", " ").capitalize()),
        kind=_kind(plain),
        required=required and not nullable,
        hint=str(schema.get("description") or plain.get("description") or ""),
        options=[str(option) for option in plain.get("enum", ())],
        attributes=_attributes(plain),
        value=_shown(schema.get("default", plain.get("const"))),
        nullable=nullable,
    )
    if plain.get("type") == "object" and plain.get("properties") and depth < _DEPTH:
        return replace(made, kind="group", fields=_members(plain, root, path, depth + 1))
    return made


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Follow a reference into the root's definitions; what stands beside it (a title) wins."""
    for _ in range(_DEPTH):
        reference = schema.get("$ref", "")
        if not reference.startswith("#/$defs/"):
            break
        target = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _without_null(schema: Schema, root: Schema) -> tuple[Schema, bool]:
    """The one kind of value asked for, and whether nothing is fine too. A decimal is a number or a text like one."""
    choices = [_resolve(choice, root) for choice in schema.get("anyOf", ())]
    real = [choice for choice in choices if choice.get("type") != "null"]
    if not choices:
        return schema, False
    nullable = len(real) < len(choices)
    if {choice.get("type") for choice in real} == {"number", "string"}:
        return {"type": "decimal"}, nullable
    return (real[0] if len(real) == 1 else {}), nullable


def _kind(schema: Schema) -> str:
    if schema.get("enum"):
        return "select"
    kind = schema.get("type")
    if kind == "string":
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        return "textarea" if schema.get("maxLength", 0) > _LONG else "text"
    if kind == "decimal":
        return "decimal"
    return _KINDS.get(str(kind), "json")


def _attributes(schema: Schema) -> dict[str, str]:
    found = {
        "min": schema.get("minimum"),
        "max": schema.get("maximum"),
        "minlength": schema.get("minLength"),
        "maxlength": schema.get("maxLength"),
        "step": {"integer": "1", "number": "any"}.get(str(schema.get("type"))),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else ""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _filled(one: Field, typed: Mapping[str, str], wrong: Sequence[tuple[str, str]]) -> Field:
    if one.kind == "group":
        return replace(one, fields=[_filled(part, typed, wrong) for part in one.fields])
    mine = [message for place, message in wrong if _owner(place, [one.name])]
    return replace(one, value=typed.get(one.name, ""), error="; ".join(mine))


def _owner(place: str, names: Iterable[str]) -> str:
    """The field that an error's place lies in; a whole input's only field has every error."""
    return next((name for name in names if name == WHOLE or place == name or place.startswith(f"{name}.")), "")


def _leaves(known: Iterable[Field]) -> Iterable[Field]:
    for one in known:
        if one.kind == "group":
            yield from _leaves(one.fields)
        else:
            yield one


def _read_members(known: Iterable[Field], typed: Mapping[str, str], errors: list[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in known:
        key = one.name.rpartition(".")[2]
        if one.kind == "group":
            values[key] = _read_members(one.fields, typed, errors)
        elif one.kind == "checkbox":
            values[key] = bool(typed.get(one.name))
        elif (text := typed.get(one.name, "")).strip():
            values[key] = _read_text(one, text, errors)
        elif one.nullable:
            values[key] = None
    return values


def _read_text(one: Field, text: str, errors: list[dict[str, Any]]) -> Any:
    """Numbers and JSON as what they are; a number that is none is left for the workflow's own validation to name."""
    if one.kind not in {"number", "json"}:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        if one.kind == "json":
            errors.append({"loc": one.name.split("."), "msg": f"This is not JSON: {error}"})
        return text
