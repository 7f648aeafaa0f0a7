"""What is wrong with data against a JSON Schema, place by place, in words for those who typed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry

from approvals.policies.exact import DECIMAL

type _Path = tuple[str, ...]

_NEEDED: Final = "This is needed."
_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "array": "a list",
    "object": "an object with named values",
    "null": "nothing",
}
_FORMATS: Final = {"date": "a date such as 2027-03-31", "date-time": "a date and time such as 2027-03-31T14:30:00Z"}
_WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "required": lambda _: _NEEDED,
    "minLength": lambda least: _NEEDED if least == 1 else f"Write at least {least} characters.",
    "maxLength": lambda most: f"Write at most {most} characters.",
    "minimum": lambda least: f"This must be at least {_number(least)}.",
    "exclusiveMinimum": lambda bound: f"This must be more than {_number(bound)}.",
    "maximum": lambda most: f"This must be at most {_number(most)}.",
    "exclusiveMaximum": lambda bound: f"This must be less than {_number(bound)}.",
    "multipleOf": lambda unit: f"This must be a multiple of {_number(unit)}.",
    "minItems": lambda least: "Choose at least one." if least == 1 else f"At least {least} are needed.",
    "maxItems": lambda most: "Choose only one." if most == 1 else f"At most {most} are allowed.",
    "uniqueItems": lambda _: "Each may be named only once.",
    "enum": lambda known: f"Choose one of {', '.join(map(str, known))}.",
    "const": lambda only: f"This can only be {only}.",
    "type": lambda names: f"This must be {_types(names)}.",
    "format": lambda name: f"Write {_FORMATS.get(name, f'a valid {name}')}.",
    "pattern": lambda pattern: f"This does not fit the pattern {pattern}",
}

_formats = FormatChecker(("date", "email", "uuid", "regex", "ipv4", "ipv6"))


@_formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


@_formats.checks("time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or time.fromisoformat(value) is not None


def complaints(schema: Any, data: Any) -> Iterator[tuple[_Path, str]]:
    """Each place that does not fit, with what to correct."""
    # An empty registry: a reference to elsewhere is an error, never a request to another host.
    registry: Registry[Any] = Registry()
    found = _Validator(schema, registry=registry, format_checker=_formats)
    for error in sorted(found.iter_errors(data), key=lambda error: list(map(str, error.absolute_path))):
        yield _complaint(error)


def _complaint(error: ValidationError) -> tuple[_Path, str]:
    closest = best_match([error]) or error
    path = tuple(str(part) for part in closest.absolute_path)
    if closest.validator == "required":
        path = (*path, _missing(closest))
    words = _WORDS.get(str(closest.validator))
    return path, words(closest.validator_value) if words else closest.message


def _missing(error: ValidationError) -> str:
    """The property a "required" error is about: the library gives one error each, and names it in the message only."""
    required = cast("list[str]", error.validator_value)
    missing = [name for name in required if name not in cast("dict[str, Any]", error.instance)]
    return next((name for name in missing if error.message.startswith(repr(name))), missing[0])


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _types(names: Any) -> str:
    known = [names] if isinstance(names, str) else names
    return " or ".join(_TYPES.get(name, name) for name in known)


def _any_of(validator: Any, choices: list[Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
    """A decimal is a number or a text of one; its bounds stand beside the number only, yet mean both."""
    number = next((one for one in choices if isinstance(one, dict) and one.get("type") == "number"), None)
    texts = [one for one in choices if isinstance(one, dict) and one.get("format") == DECIMAL]
    if number is None or not texts or not isinstance(instance, str):
        yield from Draft202012Validator.VALIDATORS["anyOf"](validator, choices, instance, schema)
        return
    try:
        value = Decimal(instance)
    except InvalidOperation:
        yield ValidationError("Write a number such as 1250.50.")
        return
    if any(validator.evolve(schema=text).is_valid(instance) for text in texts):
        yield from validator.descend(value, number)
    else:
        yield ValidationError("This has more digits or decimal places than allowed.")


_Validator: Any = extend(Draft202012Validator, {"anyOf": _any_of})  # type: ignore[no-untyped-call]
