"""Which fields a JSON Schema's form has. What a form cannot show (lists of objects, free-form values) is JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from flowapp.http.schema_form.field import ABSENT, MISSING, Absent, Field, Option, leaves
from flowapp.http.schema_form.showing import showing

type Schema = Mapping[str, Any]

_KINDS: Final = {"integer": "integer", "number": "number", "decimal": "decimal", "boolean": "checkbox"}
_FORMATS: Final = {
    "date": "date",
    "date-time": "datetime-local",
    "time": "time",
    "email": "email",
    "uri": "url",
    "password": "password",
}
_ITEMS: Final = frozenset({"text", "integer", "number", "decimal", "email", "url"})
_SHAPES: Final = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
_LONG: Final = 500  # characters from which on a text gets several lines
_DEPTH: Final = 4
_MOST: Final = 200  # fields; more than that is edited as JSON


@dataclass(frozen=True)
class _Form:
    schema: Schema
    root: str


def fields(schema: Schema, *, root: str = "input", given: Any = ABSENT) -> list[Field]:
    """The form's fields, holding what is given, else the schema's defaults; none where only null fits."""
    form = _Form(schema, root)
    top = _resolve(schema, schema)
    if top.get("type") == "null":
        return []
    properties = _properties(top, given)
    if not properties:
        return [_field(form, (), top, required=True, depth=0, given=given)]
    made = _members(form, top, properties, (), 0, given)
    if sum(1 for _ in leaves(made)) <= _MOST:
        return made
    whole = Field(root, (), root.capitalize(), "json", required=True, given=given)
    return [whole if given is ABSENT else showing(whole, given)]


def _properties(schema: Schema, given: Any) -> dict[str, Schema]:
    """The object's members: those of the schema, and those that the given value has besides."""
    known = dict(schema.get("properties", {})) if schema.get("type") == "object" else {}
    more = given if isinstance(given, Mapping) else {}
    found = known | {key: _shape(value) for key, value in more.items() if key not in known}
    # Databases may keep an object's members in an order of their own; a list stays as it was written.
    first = [key for key in schema.get("x-order", ()) if key in found]
    return {key: found[key] for key in dict.fromkeys([*first, *found])}


def _shape(value: Any) -> Schema:
    """The little that a value tells about what may replace it."""
    if value is None:
        return {"type": ["string", "null"]}
    if isinstance(value, list):
        shapes = {type(item) for item in value}
        return {"type": "array", "items": _shape(value[0]) if len(shapes) == 1 else {}}
    return {"type": _SHAPES[type(value)]}


def _members(
    form: _Form, schema: Schema, properties: Mapping[str, Schema], path: tuple[str, ...], depth: int, given: Any
) -> list[Field]:
    required = set(schema.get("required", ()))
    if isinstance(given, Mapping):
        values, other = given, MISSING
    else:
        values, other = {}, MISSING if given is MISSING else ABSENT
    return [
        _field(
            form,
            (*path, name),
            _resolve(part, form.schema),
            required=name in required,
            depth=depth,
            given=values.get(name, other),
        )
        for name, part in properties.items()
    ]


def _field(form: _Form, path: tuple[str, ...], schema: Schema, *, required: bool, depth: int, given: Any) -> Field:
    plain, nullable = _without_null(schema, form.schema)
    kind, options, item = _control(plain, form.schema, nullable=nullable)
    made = Field(
        root=form.root,
        path=path,
        label=str(schema.get("title") or (path or (form.root,))[-1].replace("_", " ").capitalize()),
        kind=kind,
        required=required and not nullable,
        nullable=nullable,
        hint=" ".join(filter(None, [schema.get("description") or plain.get("description"), _bounds(plain)])),
        options=options,
        item=item,
        attributes=_attributes(plain),
        given=given,
    )
    properties = _properties(plain, given) if depth < _DEPTH else {}
    if properties and (given is None or isinstance(given, Absent | Mapping)):
        return replace(made, kind="group", fields=_members(form, plain, properties, path, depth + 1, given))
    if isinstance(given, Absent):
        default = schema.get("default", plain.get("const")) if given is ABSENT else None
        return made if default is None else showing(made, default)
    return made if given is None and nullable else showing(made, given)


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Follow a reference into the root's definitions; what stands beside it (a title) wins."""
    for _ in range(_DEPTH):
        reference = str(schema.get("$ref", ""))
        if not reference.startswith("#/"):
            break
        target: Any = root
        for part in reference.removeprefix("#/").split("/"):
            target = target.get(part, {})
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _without_null(schema: Schema, root: Schema) -> tuple[Schema, bool]:
    """The one kind of value asked for, and whether nothing is fine too. A decimal is a number or a text like one."""
    if isinstance(types := schema.get("type"), list):
        real_types = [name for name in types if name != "null"]
        return {**schema, "type": real_types[0] if len(real_types) == 1 else None}, "null" in types
    choices = [_resolve(choice, root) for choice in schema.get("anyOf", ())]
    real = [choice for choice in choices if choice.get("type") != "null"]
    if not choices:
        return schema, False
    nullable = len(real) < len(choices)
    if len(real) == 2 and {choice.get("type") for choice in real} == {"number", "string"}:
        number = next(choice for choice in real if choice["type"] == "number")
        return {**number, "type": "decimal"}, nullable
    return (real[0] if len(real) == 1 else {}), nullable


def _control(schema: Schema, root: Schema, *, nullable: bool) -> tuple[str, Sequence[Option], str]:
    """The kind of control, the options it offers, and for a list the kind of its items."""
    if options := _options(schema):
        return "select", options, ""
    if schema.get("type") == "boolean" and nullable:  # three positions, which a checkbox does not have
        return "select", [_option(True, "Yes"), _option(False, "No")], ""
    if schema.get("type") == "array":
        items = _resolve(schema.get("items") or {}, root)
        if options := _options(items):
            return ("radios" if schema.get("maxItems") == 1 else "checks"), options, ""
        plain, _ = _without_null(items, root)
        return ("lines", (), _kind(plain)) if _kind(plain) in _ITEMS else ("json", (), "")
    return _kind(schema), (), ""


def _options(schema: Schema) -> list[Option]:
    if "enum" in schema or "const" in schema:
        return [_option(value, value) for value in schema.get("enum", [schema.get("const")])]
    named = schema.get("oneOf", ())
    if named and all("const" in choice for choice in named):
        return [_option(choice["const"], choice.get("title", choice["const"])) for choice in named]
    return []


def _option(value: Any, label: Any) -> Option:
    text = value if isinstance(value, str) else json.dumps(value)
    return Option(text=text, label=label if isinstance(label, str) else json.dumps(label), value=value)


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if kind == "string":
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        return "textarea" if schema.get("maxLength", 0) > _LONG else "text"
    return _KINDS.get(str(kind), "json")


def _attributes(schema: Schema) -> dict[str, str]:
    found = {"minlength": schema.get("minLength"), "maxlength": schema.get("maxLength")}
    return {name: str(value) for name, value in found.items() if value is not None}


def _bounds(schema: Schema) -> str:
    """Between which numbers a number lies, in words."""
    known = {"minimum": "at least {}", "exclusiveMinimum": "more than {}"}
    known |= {"maximum": "at most {}", "exclusiveMaximum": "less than {}"}
    words = [text.format(_plain_number(schema[name])) for name, text in known.items() if name in schema]
    return f"{' and '.join(words).capitalize()}." if words else ""


def _plain_number(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
