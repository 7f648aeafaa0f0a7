"""JSON in and out: bodies are parsed strictly and to a limited depth, answers are written exactly."""

from collections.abc import Iterator
from math import isfinite
from typing import Any, cast

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic_core import from_json, to_json

from flowapp.http.problems import Problem, invalid

MAX_DEPTH = 64  # levels; what is stored is wrapped a few times more, and readers of JSON give up at about 200
TOO_LARGE = "This number is too large to be kept."


class StrictParser(Parser):
    """Reads what RFC 8259 calls JSON: no NaN, no half characters, no bottomless nesting, no number such as 1e400."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        try:
            value = from_json(request.body, allow_inf_nan=False)
        except ValueError as error:
            raise Problem("invalid", f"The body is not JSON: {error}.", 400) from None
        if depth(value) > MAX_DEPTH:
            raise Problem("invalid", f"The body is nested deeper than {MAX_DEPTH} levels.", 400)
        place = next(beyond(value), None)
        if place is not None:
            raise invalid([{"loc": place, "msg": TOO_LARGE}])
        return cast("dict[str, Any]", value)


class ExactRenderer(BaseRenderer):
    """Decimals as strings, times in ISO 8601 UTC to the microsecond, and never NaN, which is not JSON."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return as_bytes(data)


def as_bytes(data: Any) -> bytes:
    """The value as JSON."""
    return to_json(data, inf_nan_mode="null")


def beyond(value: Any, *place: str | int) -> Iterator[list[str | int]]:
    """Where a JSON value has numbers that are read as infinite: they could not be written as JSON again."""
    if isinstance(value, float) and not isfinite(value):
        yield list(place)
    elif isinstance(value, dict | list):
        for name, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(child, dict | list | float):
                yield from beyond(child, *place, name)


def depth(value: Any) -> int:
    """How many levels of objects and arrays a JSON value has."""
    levels, layer = 0, [value]
    while layer := [one for one in layer if isinstance(one, dict | list)]:
        levels += 1
        layer = [child for one in layer for child in (one.values() if isinstance(one, dict) else one)]
    return levels
