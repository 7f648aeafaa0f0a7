"""What was typed into a form's fields as JSON data, and what of it cannot be read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.datastructures import MultiValueDict

from flowapp.http.schema_form.field import ABSENT, MISSING, TEXTS, Absent, Field, leaves
from flowapp.http.schema_form.showing import utc_text

type Typed = MultiValueDict[str, str]


@dataclass(frozen=True)
class Reading:
    """The data, without what cannot be read; each error is {"loc": [path…], "msg": what is wrong}, as the engine's."""

    data: Any
    errors: list[dict[str, Any]]


class _Wrong(ValueError):
    """What was typed is no such value; the message says what to type."""


def read(known: Sequence[Field], typed: Typed) -> Reading:
    """What was typed. A field left as it was gives the very value it was made with."""
    errors: list[dict[str, Any]] = []
    if not known:
        return Reading(None, errors)
    if not known[0].path:
        whole = _value(known[0], typed, errors)
        return Reading(None if whole is ABSENT else whole, errors)
    return Reading(_members(known, typed, errors), errors)


def posted(one: Field, typed: Typed) -> tuple[str, ...]:
    """The texts that came for a field, in the browser's line ends no more; an empty one is none."""
    texts = typed.getlist(one.name)
    texts = texts if one.kind in ("checks", "radios") else texts[-1:]
    if one.kind == "datetime-local":  # a script may have sent it with its zone
        texts = [_in_utc(text) for text in texts]
    return tuple(text.replace("\r\n", "\n") for text in texts if text)


def _in_utc(text: str) -> str:
    try:
        return utc_text(text)
    except ValueError:
        return text


def _members(known: Iterable[Field], typed: Typed, errors: list[dict[str, Any]]) -> dict[str, Any]:
    values = {one.key: _value(one, typed, errors) for one in known}
    return {key: value for key, value in values.items() if value is not ABSENT}


def _value(one: Field, typed: Typed, errors: list[dict[str, Any]]) -> Any:
    if one.kind == "group":
        return _group(one, typed, errors)
    texts = posted(one, typed)
    if one.given is not ABSENT and texts == one.shown:
        return _as_given(one)
    try:
        if one.kind in ("checks", "radios"):
            return None if not texts and one.nullable else [_choice(one, text) for text in texts]
        if one.kind == "checkbox":
            return bool(texts)
        return _parsed(one, texts[0]) if texts and texts[0].strip() else _nothing(one)
    except _Wrong as wrong:
        errors.append({"loc": list(one.path), "msg": str(wrong)})
        return ABSENT


def _group(one: Field, typed: Typed, errors: list[dict[str, Any]]) -> Any:
    """An object; one that may be missing is, when everything in it was left empty or as it was."""
    parts = [(posted(leaf, typed), leaf.shown) for leaf in leaves(one.fields)]
    if one.given is not ABSENT and all(texts == shown for texts, shown in parts):
        return _as_given(one)
    optional = one.nullable or (not one.required and isinstance(one.given, Absent))
    if optional and all(texts in ((), shown) for texts, shown in parts):
        return None if one.nullable else ABSENT
    return _members(one.fields, typed, errors)


def _as_given(one: Field) -> Any:
    return ABSENT if one.given is MISSING else one.given


def _nothing(one: Field) -> Any:
    """What an empty control means. Where something stood before, it says so: a default must not step in unseen."""
    if one.nullable:
        return None
    stood = not isinstance(one.given, Absent)
    if one.kind == "lines" and (one.required or stood):
        return []
    if not stood:
        return ABSENT
    if one.kind in TEXTS:
        return ""
    raise _Wrong("This is needed.")


def _parsed(one: Field, text: str) -> Any:
    match one.kind:
        case "select":
            return _choice(one, text)
        case "lines":
            return [_scalar(one.item, line.strip()) for line in text.split("\n") if line.strip()]
        case "json":
            return _json(text)
    return _scalar(one.kind, text)


def _choice(one: Field, text: str) -> Any:
    """The option's value; another text is left for validation to name."""
    return next((option.value for option in one.options if option.text == text), text)


def _scalar(kind: str, text: str) -> Any:
    match kind:
        case "integer" | "number":
            return _number(text.strip(), whole=kind == "integer")
        case "decimal":
            return str(_decimal(text.strip(), f"{text!r} is not a number. Write one such as 1250.50."))
        case "date" | "time" | "datetime-local":
            return _moment(kind, text.strip())
    return text


def _number(text: str, *, whole: bool) -> int | float:
    said = f"{text!r} is not a {'whole number. Write one such as 12.' if whole else 'number. Write one such as 12.5.'}"
    number = _decimal(text, said)
    try:
        if number == number.to_integral_value() and abs(number.adjusted()) < 300:
            return int(number)
    except InvalidOperation:
        raise _Wrong(said) from None
    if whole or math.isinf(float(number)):
        raise _Wrong(said)
    return float(number)


def _decimal(text: str, said: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _Wrong(said) from None
    if not number.is_finite() or "_" in text:
        raise _Wrong(said)
    return number


def _moment(kind: str, text: str) -> str:
    try:
        if kind == "date":
            return date.fromisoformat(text).isoformat()
        if kind == "time":
            return time.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError:
        example = {"date": "a date such as 2027-03-31", "time": "a time such as 14:30"}.get(kind)
        raise _Wrong(f"Write {example or 'a date and time such as 2027-03-31T14:30'}.") from None
    # A browser's field has no zone: without one it is UTC, as the field says.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise _Wrong("This is nested too deeply.") from None
    except ValueError as error:
        raise _Wrong(f"This is not JSON: {error}") from None


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
