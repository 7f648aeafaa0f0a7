"""JSON that comes from outside, by whatever door: read strictly, and judged by what can be kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from pydantic_core import from_json

MAX_DEPTH = 64  # levels; what is stored is wrapped a few times more, and readers of JSON give up at about 200
TOO_LARGE = "this number is too large to be kept"
NULL = "it holds a null character, which is no text"
HALF = "it holds half a character (a lone surrogate), which is no text"

type Place = tuple[str | int, ...]  # the names and numbers that lead to a part


class NotJson(ValueError):
    """It cannot be read at all."""


class Unfit(ValueError):
    """A part of it cannot be kept: `place` leads there, `why` says what is wrong."""

    def __init__(self, place: Place, why: str) -> None:
        self.place, self.why = place, why
        super().__init__(f"{'.'.join(map(str, place))}: {why}" if place else why)


def read(text: bytes | str) -> Any:
    """What RFC 8259 calls JSON: no NaN, no half characters; and of it what can be kept. Raises NotJson or Unfit."""
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise NotJson(f"not JSON: {error}") from None
    if depth(value) > MAX_DEPTH:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    judge(value)
    return value


def judge(value: Any) -> None:
    """Raise Unfit for the first part of JSON values that cannot be kept."""
    for place, why in flaws(value):
        raise Unfit(place, why)


def flaws(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """What cannot be kept, and where: text with null or half characters, and numbers that are read as infinite."""
    if isinstance(value, str | float):
        if why := flaw_of(value):
            yield place, why
    elif isinstance(value, list | dict):
        for name, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(name, str) and (why := flaw_of(name)):
                yield place, why
            elif isinstance(child, str | float | list | dict):
                yield from flaws(child, (*place, name))


def flaw_of(value: str | float) -> str | None:
    """Why a text or number cannot be kept; None when it can."""
    if isinstance(value, float):
        return None if isfinite(value) else TOO_LARGE
    if "\0" in value:
        return NULL
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        return HALF
    return None


def depth(value: Any) -> int:
    """How many levels of objects and arrays a JSON value has."""
    levels, layer = 0, [value]
    while layer := [one for one in layer if isinstance(one, dict | list)]:
        levels += 1
        layer = [child for one in layer for child in (one.values() if isinstance(one, dict) else one)]
    return levels
