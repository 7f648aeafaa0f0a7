"""JSON in and out: bodies are parsed strictly and to a limited depth, answers are written exactly."""

from typing import Any, cast

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic_core import to_json

from flowapp.engine import incoming
from flowapp.http.problems import Problem, invalid


class StrictParser(Parser):
    """Reads bodies as all that comes from outside is read (incoming.py)."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        try:
            value = incoming.read(request.body)
        except incoming.NotJson as error:
            raise Problem("invalid", f"The body is {error}.", 400) from None
        except incoming.Unfit as unfit:
            raise invalid([{"loc": list(unfit.place), "msg": unfit.why}]) from None
        return cast("dict[str, Any]", value)


class ExactRenderer(BaseRenderer):
    """Decimals as strings, times in ISO 8601 UTC to the microsecond, and never NaN, which is not JSON."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return as_bytes(data)


def as_bytes(data: Any) -> bytes:
    """The value as JSON."""
    return to_json(data, inf_nan_mode="null")
